"""The networks of Projected GAN: fixed random mixing of a network's maps, and a discriminator for each scale.

Sauer et al. 2021, arXiv:2111.01007, section 3.2, with figure 2 (mixing) and the appendix (discriminators).
Departures: random weights from N(0, 1 / fan-in), so that mixed maps have the size of what is mixed; where the maps are
smaller than the published ones, discriminators have fewer blocks and logits for fewer places.
Shape letters: N pictures; map k has F_k channels, H_k W_k; mixed, M_k channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from imagewright.layers.spectral_norm import SpectralConvolution

Mixing = Literal["none", "channels", "scales"]
LOGIT_SIDE = 4
SLOPE = 0.2
SPECTRAL_EPS = 1e-12
MIXED = (1, 2, 4, 8)  # channels of the mixed maps, in those of the finest one
WIDEST = 8  # channels of a discriminator, in `width`
BASE_SIDE = 64  # of the maps at which a discriminator has `width` channels


class MapMixer(nn.Module):
    """Maps (N, F_k, H_k, W_k) to mixed maps (N, M_k, H_k, W_k). Its weights are buffers, which nothing trains.

    widths: F_k, from the finest map to the coarsest.
    width: channels of the finest mixed map; each coarser one has twice as many.
    mixing: channels: by 1x1 convolutions (cross-channel mixing); scales: then from the coarsest to the finest by 3x3
        convolutions, with the coarser mixed map added at twice its size (cross-scale mixing); none: the maps as
        they are.
    """

    def __init__(self, widths: Sequence[int], width: int, mixing: Mixing) -> None:
        super().__init__()
        self.mixing = mixing
        self.mixed_widths = list(widths) if mixing == "none" else [width * MIXED[k] for k in range(len(widths))]
        for k, (before, after) in enumerate(zip(widths, self.mixed_widths, strict=True)):
            if mixing != "none":
                self.register_buffer(f"channels_{k}", _random_kernel(after, before, 1))
            if mixing == "scales":
                finer = self.mixed_widths[max(k - 1, 0)]
                self.register_buffer(f"scales_{k}", _random_kernel(after, after, 3))
                if k:
                    self.register_buffer(f"up_{k}", _random_kernel(finer, after, 1))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        if self.mixing == "none":
            return list(maps)
        mixed = [conv2d(each, self.get_buffer(f"channels_{k}")) for k, each in enumerate(maps)]
        if self.mixing == "channels":
            return mixed
        coarser: Tensor | None = None
        for k in reversed(range(len(mixed))):
            if coarser is not None:
                narrowed = conv2d(coarser, self.get_buffer(f"up_{k + 1}"))
                raised = interpolate(narrowed, mixed[k].shape[2:], mode="bilinear", align_corners=False)
                mixed[k] = (mixed[k] + raised) * math.sqrt(0.5)
            mixed[k] = coarser = conv2d(mixed[k], self.get_buffer(f"scales_{k}"), padding=1)
        return mixed


def _random_kernel(outputs: int, inputs: int, kernel: int) -> Tensor:
    return torch.randn(outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel * kernel)


class ScaleDiscriminator(nn.Module):
    """Mixed maps (N, M, H, W) to logits (N, P), of P places: 4x4, or as many as the maps have if these are smaller.

    inputs: M.
    size: (H, W).
    width: channels at a side of 64, doubled at each halving up to 8 times.
    """

    def __init__(self, inputs: int, size: tuple[int, int], width: int) -> None:
        super().__init__()
        side, channels = min(size), inputs
        blocks: list[nn.Module] = []
        if side < 2 * LOGIT_SIDE:
            channels = discriminator_width(width, side)
            blocks.append(_block(inputs, channels, 3, 1))
        while side >= 2 * LOGIT_SIDE:
            side //= 2
            wider = discriminator_width(width, side)
            blocks.append(_block(channels, wider, 4, 2))
            channels = wider
        self.blocks = nn.Sequential(*blocks)
        self.to_logits = _spectral(channels, 1, 3, 1, bias=True)

    def forward(self, maps: Tensor) -> Tensor:
        # In fp32, as all logits here.
        logits: Tensor = self.to_logits(self.blocks(maps)).flatten(1).float()
        return logits


def discriminator_width(width: int, side: int) -> int:
    """Channels of a discriminator's maps of this side."""
    return max(1, min(width * BASE_SIDE // side, WIDEST * width))


def _block(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        _spectral(inputs, outputs, kernel, stride, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


def _spectral(inputs: int, outputs: int, kernel: int, stride: int, *, bias: bool) -> SpectralConvolution:
    return SpectralConvolution(inputs, outputs, kernel, stride=stride, bias=bias, eps=SPECTRAL_EPS, evaluation="stored")
