"""A convolution whose second derivatives are as fast as its first ones, for networks with a penalty on their gradient.

PyTorch computes the weights' second derivatives as a convolution with kernels as large as the maps, and by a loop over
groups. A convolution is linear in its input and in its weight, so that all its derivatives are convolutions again, or
one of the two gradients that `torch.ops.aten.convolution_backward` computes. Shape letters: N batch, C channels,
H W map.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function


@dataclass(frozen=True)
class _Form:
    """How a convolution goes over its input."""

    stride: int
    padding: int
    groups: int

    def output(self, maps: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return torch.conv2d(maps, weight, bias, self.stride, self.padding, 1, self.groups)

    def gradients(self, outer: Tensor, maps: Tensor, weight: Tensor, wanted: list[bool]) -> tuple[Tensor, ...]:
        sides = [self.stride] * 2, [self.padding] * 2, [1, 1], False, [0, 0], self.groups
        return torch.ops.aten.convolution_backward(outer, maps, weight, None, *sides, [*wanted, False])


def convolve2d(
    maps: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Tensor:
    """`torch.nn.functional.conv2d`: maps (N, C, H, W), weight (F, C / groups, h, w), bias (F,) or None."""
    if not torch.is_grad_enabled():
        return torch.conv2d(maps, weight, bias, stride, padding, 1, groups)
    kind = maps.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        maps, weight = maps.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    made: Tensor = _Convolution.apply(maps, weight, bias, _Form(stride, padding, groups))
    return made


def _empty(shape: torch.Size, like: Tensor) -> Tensor:
    """Memory that is never read, for the argument of which only shape and layout count."""
    last = like.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last else torch.contiguous_format
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)


@contextmanager
def gradients_of_maps_only() -> Iterator[None]:
    """Within the block, `convolve2d` computes no gradients of weights: for gradients with respect to images.

    A function in Python is not told which of its gradients are wanted, and would compute those of all parameters.
    """
    outside, _WANTED.weights = _WANTED.weights, False
    try:
        yield
    finally:
        _WANTED.weights = outside


@dataclass
class _Wanted:
    weights: bool = True  # one for all threads: gradients on a GPU are computed in a thread of their own


_WANTED = _Wanted()


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, form: _Form) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.form = form
        with torch.autocast(maps.device.type, enabled=False):
            return form.output(maps, weight, bias)

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> Any:
        maps, weight = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return (
            _MapsGradient.apply(outer, weight, maps.shape, ctx.form) if needs[0] else None,
            _WeightGradient.apply(outer, maps, weight.shape, ctx.form) if needs[1] and _WANTED.weights else None,
            outer.sum((0, 2, 3)) if needs[2] and _WANTED.weights else None,
            None,
        )


class _MapsGradient(Function):
    """Of gradients at the output and weights: the gradient at the input, which is linear in each of them."""

    @staticmethod
    def forward(ctx: Any, outer: Tensor, weight: Tensor, shape: torch.Size, form: _Form) -> Tensor:
        ctx.save_for_backward(outer, weight)
        ctx.form = form
        maps = _empty(shape, outer)
        return form.gradients(outer, maps, weight, [True, False])[0]

    @staticmethod
    def backward(ctx: Any, inner: Tensor) -> Any:
        outer, weight = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return (
            _Convolution.apply(inner, weight, None, ctx.form) if needs[0] else None,
            _WeightGradient.apply(outer, inner, weight.shape, ctx.form) if needs[1] else None,
            None,
            None,
        )


class _WeightGradient(Function):
    """Of gradients at the output and inputs: the gradient of the weight, which is linear in each of them."""

    @staticmethod
    def forward(ctx: Any, outer: Tensor, maps: Tensor, shape: torch.Size, form: _Form) -> Tensor:
        ctx.save_for_backward(outer, maps)
        ctx.form = form
        weight = _empty(shape, maps)
        return form.gradients(outer, maps, weight, [False, True])[1]

    @staticmethod
    def backward(ctx: Any, change: Tensor) -> Any:
        outer, maps = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return (
            _Convolution.apply(maps, change, None, ctx.form) if needs[0] else None,
            _MapsGradient.apply(outer, change, maps.shape, ctx.form) if needs[1] else None,
            None,
            None,
        )


class PenalisedConv2d(nn.Conv2d):
    """`torch.nn.Conv2d` with zeros around and square strides, for a network whose gradient is penalised."""

    def forward(self, maps: Tensor) -> Tensor:
        stride, padding = self.stride[0], int(self.padding[0])
        return convolve2d(maps, self.weight, self.bias, stride=stride, padding=padding, groups=self.groups)
