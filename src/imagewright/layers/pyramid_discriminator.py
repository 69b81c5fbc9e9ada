"""Discriminators of strided convolutions alone, which judge patches of an image at several scales, or at one.

Wang et al. 2018, arXiv:1711.11585, section 3.2, as MUNIT (Huang et al. 2018, arXiv:1804.04732, appendix B.2), UNIT and
DRIT (Lee et al. 2018, arXiv:1808.00948) build them. Names of tensors are those of MUNIT's published networks. Shape
letters: N batch, C H W image, S scales.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from imagewright.layers.blur import halve
from imagewright.layers.conv_blocks import Activation, BlockNorm, ConvBlock, Padding
from imagewright.layers.initialisation import initialise_normal


class PyramidDiscriminator(nn.Module):
    """From images (N, inputs, H, W) to logits of patches, a list of S tensors (N, 1, h, w), the finest first.

    Each scale has a network of its own; the next one gets the image at half the size.

    width: channels of the first layer, doubled by each of the others.
    layers: strided layers of 4x4 pixels; the last convolution has one pixel.
    scales: S.
    norm: of all layers but the first.
    """

    def __init__(
        self,
        inputs: int,
        *,
        width: int = 64,
        layers: int = 4,
        scales: int = 3,
        norm: BlockNorm = "none",
        activation: Activation = "leaky_relu",
        pad: Padding = "reflect",
    ) -> None:
        super().__init__()
        self.cnns = nn.ModuleList(
            _build_strided(inputs, width, layers, kernel=4, norm=norm, activation=activation, pad=pad)
            for _ in range(scales)
        )
        self.apply(initialise_normal)

    def forward(self, images: Tensor) -> list[Tensor]:
        logits = []
        for place, network in enumerate(self.cnns):
            if place:
                images = halve(images)
            # In fp32, because losses take squares and exponentials of logits.
            logits.append(network(images).float())
        return logits


class SingleScaleDiscriminator(nn.Module):
    """From images (N, inputs, H, W) to logits of patches at one scale, a list of one (N, 1, h, w), by 3x3 convolutions.

    width, layers: as for `PyramidDiscriminator`.
    """

    def __init__(self, inputs: int, *, width: int = 64, layers: int = 6, activation: Activation = "leaky_relu") -> None:
        super().__init__()
        self.model = _build_strided(inputs, width, layers, kernel=3, norm="none", activation=activation, pad="reflect")

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.model(images).float()]


def as_rows(logits: list[Tensor]) -> Tensor:
    """The logits of all scales (N, L)."""
    return torch.cat([each.flatten(1) for each in logits], 1)


def most_layers(side: int, kernel: int) -> int:
    """The strided layers that a side in pixels allows: each pads by reflection, which takes two pixels or more.

    kernel: 4 rounds halves down, 3 up.
    """
    return side.bit_length() - 1 if kernel == 4 else (side - 1).bit_length()


def most_scales(side: int, layers: int) -> int:
    """The scales of a `PyramidDiscriminator` of so many layers that a side in pixels allows."""
    return sum(most_layers(-(-side // 2**scale), 4) >= layers for scale in range(side.bit_length()))


def _build_strided(
    inputs: int, width: int, layers: int, *, kernel: int, norm: BlockNorm, activation: Activation, pad: Padding
) -> nn.Sequential:
    blocks: list[nn.Module] = []
    widths = [inputs, *(width * 2**level for level in range(layers))]
    for level, (inner, outer) in enumerate(pairwise(widths)):
        own: BlockNorm = norm if level else "none"
        blocks.append(ConvBlock(inner, outer, kernel, stride=2, padding=1, norm=own, activation=activation, pad=pad))
    return nn.Sequential(*blocks, nn.Conv2d(widths[-1], 1, 1))
