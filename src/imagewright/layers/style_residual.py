"""Residual blocks with the activation first, plain and modulated by a style, of StarGAN v2.

Choi et al. 2020, arXiv:1912.01865, appendix tables 5 to 8; adaptive instance normalisation: Huang & Belongie 2017,
arXiv:1703.06868, eq. 8, with the style through a linear layer. Layers and names are those of the published networks.
Shape letters: N batch, C H W map, S style.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu

from imagewright.layers.norms import AffineInstanceNorm, normalise_instances

SLOPE = 0.2  # of the leaky ReLU


class DownBlock(nn.Module):
    """From maps (N, inputs, H, W) to (N, outputs, H, W), or to half of H and W; the sum has the variance of its parts.

    pooled: whether it halves the sides.
    normed: whether there is an instance norm before each activation.
    """

    def __init__(self, inputs: int, outputs: int, *, pooled: bool, normed: bool = False) -> None:
        super().__init__()
        self.pooled, self.normed = pooled, normed
        self.conv1 = nn.Conv2d(inputs, inputs, 3, 1, 1)
        self.conv2 = nn.Conv2d(inputs, outputs, 3, 1, 1)
        if normed:
            self.norm1 = AffineInstanceNorm(inputs)
            self.norm2 = AffineInstanceNorm(inputs)
        if inputs != outputs:
            self.conv1x1 = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        shortcut = self.conv1x1(maps) if hasattr(self, "conv1x1") else maps
        inner = self.conv1(leaky_relu(self.norm1(maps) if self.normed else maps, SLOPE))
        if self.pooled:
            shortcut, inner = avg_pool2d(shortcut, 2), avg_pool2d(inner, 2)
        inner = self.conv2(leaky_relu(self.norm2(inner) if self.normed else inner, SLOPE))
        summed: Tensor = (shortcut + inner) / math.sqrt(2)
        return summed


class LinearAdaIN(nn.Module):
    """Instance norm of maps (N, C, H, W), times 1 + gamma plus beta, linear functions of styles (N, S)."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(styles, 2 * channels)

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        gamma, beta = self.fc(styles)[:, :, None, None].chunk(2, 1)
        modulated: Tensor = (1 + gamma) * normalise_instances(maps) + beta
        return modulated


class StyledBlock(nn.Module):
    """From maps (N, inputs, H, W) and styles (N, S) to (N, outputs, H, W), or to twice H and W.

    enlarged: whether it doubles the sides.
    shortcut: whether the input is added; the published networks with a high-pass skip do without it.
    """

    def __init__(self, inputs: int, outputs: int, styles: int, *, enlarged: bool, shortcut: bool) -> None:
        super().__init__()
        self.enlarged, self.shortcut = enlarged, shortcut
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.norm1 = LinearAdaIN(styles, inputs)
        self.norm2 = LinearAdaIN(styles, outputs)
        if inputs != outputs and shortcut:
            self.conv1x1 = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        inner = leaky_relu(self.norm1(maps, styles), SLOPE)
        inner = self.conv1(_doubled(inner) if self.enlarged else inner)
        inner = self.conv2(leaky_relu(self.norm2(inner, styles), SLOPE))
        if not self.shortcut:
            made: Tensor = inner
            return made
        added = _doubled(maps) if self.enlarged else maps
        if hasattr(self, "conv1x1"):
            added = self.conv1x1(added)
        summed: Tensor = (added + inner) / math.sqrt(2)
        return summed


class HighPass(nn.Module):
    """The Laplacian of each channel of maps (N, C, H, W), divided by `weight`."""

    filter: Tensor

    def __init__(self, weight: float) -> None:
        super().__init__()
        laplacian = torch.full((3, 3), -1.0)
        laplacian[1, 1] = 8.0
        self.register_buffer("filter", laplacian / weight)

    def forward(self, maps: Tensor) -> Tensor:
        channels = maps.shape[1]
        kernel = self.filter.to(maps.dtype).expand(channels, 1, 3, 3)
        return conv2d(maps, kernel, padding=1, groups=channels)


def _doubled(maps: Tensor) -> Tensor:
    return interpolate(maps, scale_factor=2, mode="nearest")
