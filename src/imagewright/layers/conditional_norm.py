"""Batch normalisation whose gain and offset follow from a condition, with the ReLU after it.

de Vries et al. 2017, arXiv:1707.00683, section 3.1; Dumoulin et al. 2017, arXiv:1610.07629. In training, norm, gain and
ReLU are one operation with a gradient of its own, which keeps its input and its output alone.
Shape letters: N batch, C channels, H W map, Y condition.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

MOMENTUM = 0.1  # of running statistics, as `nn.BatchNorm2d`


class ConditionalNorm(nn.Module):
    """Maps (N, C, H, W) and conditions (N, Y) to relu(norm(maps) * (1 + gain(condition)) + bias(condition)).

    channels: C.
    gain, bias: layers from conditions to (N, C).
    eps: added to variances.
    statistics: a batch norm without weights, which holds the running statistics.
    """

    def __init__(self, channels: int, gain: nn.Module, bias: nn.Module, eps: float) -> None:
        super().__init__()
        self.gain, self.bias = gain, bias
        self.statistics = nn.BatchNorm2d(channels, eps=eps, affine=False)

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        return normalise_and_rectify(maps, 1 + self.gain(condition), self.bias(condition), self.statistics)


def normalise_and_rectify(maps: Tensor, gain: Tensor, offset: Tensor, statistics: nn.BatchNorm2d) -> Tensor:
    """relu(norm(maps) * gain + offset), (N, C, H, W).

    gain, offset: (N, C).
    statistics: in training mode their running values are moved, and those of the batch are used.
    """
    gain, offset = gain.float(), offset.float()
    if statistics.training:
        result, mean, variance = _NormThenReLU.apply(maps, gain, offset, statistics.eps)
        move_statistics(statistics, mean, variance, maps.numel() // maps.shape[1])
        return result
    assert statistics.running_mean is not None
    assert statistics.running_var is not None
    return scale_and_rectify(maps, gain, offset, statistics.running_mean, statistics.running_var, statistics.eps)


def scale_and_rectify(maps: Tensor, gain: Tensor, offset: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """relu((maps - mean) / sqrt(variance + eps) * gain + offset); gain and offset (N, C), mean and variance (C,)."""
    scale = gain / (variance + eps).sqrt()
    shift = (offset - mean * scale).to(maps.dtype)
    return torch.addcmul(shift[..., None, None], maps, scale.to(maps.dtype)[..., None, None]).relu()


@torch.no_grad()
def move_statistics(statistics: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Move running statistics towards those of a batch (C,), as `nn.BatchNorm2d` does; in all rows if it has several.

    variance: biased. count: numbers a channel, by which the running variance is made unbiased.
    momentum None: running statistics are the mean over all batches since they were reset.
    """
    assert statistics.running_mean is not None
    assert statistics.running_var is not None
    assert statistics.num_batches_tracked is not None
    statistics.num_batches_tracked += 1
    share: Any = statistics.momentum
    if share is None:
        share = 1 / statistics.num_batches_tracked.float()
    statistics.running_mean += share * (mean - statistics.running_mean)
    statistics.running_var += share * (variance * (count / max(1, count - 1)) - statistics.running_var)


class _NormThenReLU(torch.autograd.Function):
    """relu((maps - mean) / sqrt(variance + eps) * gain + offset) by the statistics of the batch."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, gain: Tensor, offset: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        ones = gain.new_ones(gain.shape[1])  # of fp32: the moments of maps in bf16 are then of fp32 too
        normalised, mean, inverse = torch.native_batch_norm(maps, ones, None, None, None, True, 0.0, eps)
        inner_gain, inner_offset = (each.to(maps.dtype)[..., None, None] for each in (gain, offset))
        result = normalised.mul_(inner_gain).add_(inner_offset).relu_()
        ctx.save_for_backward(maps, result, gain, mean, inverse)
        ctx.eps = eps
        variance = (inverse.square().reciprocal() - eps).clamp(min=0)
        ctx.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        maps, result, gain, mean, inverse = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradient, result, 0)
        of_offset = gradient.sum((2, 3), dtype=torch.float32)  # (N, C)
        of_gain = ((gradient * maps).sum((2, 3), dtype=torch.float32) - mean * of_offset) * inverse
        gradient.mul_(gain.to(gradient.dtype)[..., None, None])
        of_maps, _, _ = torch.ops.aten.native_batch_norm_backward(
            gradient, maps, torch.ones_like(mean), None, None, mean, inverse, True, ctx.eps, [True, False, False]
        )
        return of_maps, of_gain, of_offset, None
