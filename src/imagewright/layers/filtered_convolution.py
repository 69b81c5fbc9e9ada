"""Convolution with an equalised rate that filters where it changes the resolution, with its activation.

Karras et al. 2020 (StyleGAN2), arXiv:1912.04958, appendix B. Shape letters: N batch, C channels, H W map.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from imagewright.layers.convolution import convolve2d
from imagewright.layers.resampling import binomial_blur, downsample, filter_from_taps, upsample


class FilteredConv2d(nn.Module):
    """(N, inputs, H, W) to (N, outputs, H, W), half or twice the sides.

    resampling: "down" filters and halves, "up" (1x1 kernels alone) doubles and filters.
    active: whether a leaky ReLU with the gain sqrt(2) follows.
    gain: a further factor of the outputs.
    clamp: the largest size of outputs, multiplied by `gain`; None for none.
    """

    filter: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        resampling: Literal["none", "down", "up"] = "none",
        bias: bool = True,
        active: bool = True,
        gain: float = 1.0,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        if resampling == "up" and kernel > 1:
            raise ValueError("only 1x1 kernels are upsampled; modulated_convolution upsamples larger ones")
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.resampling, self.active = resampling, active
        # The leaky ReLU is homogeneous: its gain may come before it.
        self.gain = gain * (math.sqrt(2) if active else 1)
        self.scale = self.gain / math.sqrt(inputs * kernel**2)
        self.clamp = None if clamp is None else clamp * gain
        self.register_buffer("filter", filter_from_taps(), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        made = self._convolve(maps, self.weight * self.scale, None if self.bias is None else self.bias * self.gain)
        if self.active:
            made = leaky_relu(made, 0.2, inplace=True)
        return made if self.clamp is None else made.clamp(-self.clamp, self.clamp)

    def _convolve(self, maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        kernel = weight.shape[-1]
        if self.resampling == "down" and kernel > 1:
            return convolve2d(binomial_blur(maps, 1 + kernel // 2), weight, bias, stride=2)
        if self.resampling == "down":
            maps = downsample(maps, self.filter)
        made = convolve2d(maps, weight, bias, padding=kernel // 2)
        return upsample(made, self.filter) if self.resampling == "up" else made
