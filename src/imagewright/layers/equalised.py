"""Layers with an equalised learning rate: weights of unit variance, scaled by a constant whenever they are used.

Karras et al. 2018 (ProGAN), arXiv:1710.10196, section 4.1: optimizers that normalise their updates then move all
weights at the same relative speed. Shape letters: N batch, C channels, H W map.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear


class EqualisedLinear(nn.Module):
    """(..., inputs) to (..., outputs).

    gain: the deviation of outputs at first, for independent inputs of deviation 1.
    rate: factor of the learning rate; weights start at 1 / rate, and are used `rate` times as large, as the bias is.
    bias_start: the number that the bias holds at first; what is added is `rate` times as large.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        bias_start: float = 0.0,
        gain: float = 1.0,
        rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias_start))) if bias else None
        self.scale, self.rate = gain * rate / math.sqrt(inputs), rate

    def forward(self, numbers: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias * self.rate
        return linear(numbers, self.weight * self.scale, bias)


class EqualisedConv2d(nn.Module):
    """(N, inputs, H, W) to (N, outputs, H / stride, W / stride).

    gain: the deviation of outputs at first, for independent inputs of deviation 1.
    padding: zeros around; by default as many as keep the size at stride 1.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        bias: bool = True,
        gain: float = 1.0,
        stride: int = 1,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale = gain / math.sqrt(inputs * kernel**2)
        self.stride, self.padding = stride, kernel // 2 if padding is None else padding

    def forward(self, maps: Tensor) -> Tensor:
        return conv2d(maps, self.weight * self.scale, self.bias, self.stride, self.padding)
