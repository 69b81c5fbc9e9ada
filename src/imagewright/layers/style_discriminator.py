"""The discriminator of StyleGAN2 and 3: blocks that halve, with or without shortcuts, and the deviation of a minibatch.

Karras et al. 2020 (StyleGAN2), arXiv:1912.04958, section 3.2 and figure 7; conditional by a projection on the mapped
condition, as published with ADA (arXiv:2006.06676; Miyato & Koyama 2018, arXiv:1802.05637, eq. 3). Shape letters: N
batch, C H W image, K condition.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from imagewright.layers.equalised import EqualisedLinear
from imagewright.layers.filtered_convolution import FilteredConv2d
from imagewright.layers.minibatch_deviation import append_minibatch_deviation
from imagewright.layers.resampling import downsample, filter_from_taps
from imagewright.layers.style_mapping import StyleMappingNetwork

Architecture = Literal["resnet", "skip", "orig"]


class StyleDiscriminator(nn.Module):
    """(N, C, H, W) and conditions (N, K) to logits (N,).

    channels: C.
    widths: channels at full size and after each halving.
    base: height and width after the last halving: the image has `2 ** (len(widths) - 1)` times as many pixels a side.
    architecture: resnet: blocks with shortcuts; skip: each block gets the image, reduced; orig: neither.
    conditions: K; 0 without.
    condition_dim: numbers that a condition is mapped to; by default the last of `widths`.
    group: images over which the minibatch's deviation is taken; `deviations`: maps of it.
    mapping_layers, mapping_rate: of the network of the conditions.
    clamp: the largest size of maps; None for none.
    """

    filter: Tensor

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        base: tuple[int, int] = (4, 4),
        *,
        architecture: Architecture = "resnet",
        conditions: int = 0,
        condition_dim: int | None = None,
        group: int = 4,
        deviations: int = 1,
        mapping_layers: int = 8,
        mapping_rate: float = 0.01,
        clamp: float | None = 256.0,
    ) -> None:
        super().__init__()
        skips, last = architecture == "skip", widths[-1]
        self.blocks = nn.ModuleList(
            StyleDiscriminatorBlock(
                inputs,
                outputs,
                channels if skips or place == 0 else None,
                shortcut=architecture == "resnet",
                clamp=clamp,
            )
            for place, (inputs, outputs) in enumerate(itertools.pairwise(widths))
        )
        reads_image = skips or not len(self.blocks)
        self.from_image = FilteredConv2d(channels, last, 1, clamp=clamp) if reads_image else None
        self.last = FilteredConv2d(last + deviations, last, 3, clamp=clamp)
        self.dense = EqualisedLinear(last * math.prod(base), last)
        directions = condition_dim or last
        self.out = EqualisedLinear(last, directions if conditions else 1)
        self.mapping = (
            StyleMappingNetwork(
                0, directions, conditions=conditions, layers=mapping_layers, rate=mapping_rate, decay=None
            )
            if conditions
            else None
        )
        self.skips, self.group, self.deviations = skips, group, deviations
        self.register_buffer("filter", filter_from_taps(), persistent=False)

    def forward(self, images: Tensor, conditions: Tensor | None = None) -> Tensor:
        numbers = self.out(self.features(images))
        if self.mapping is None:
            return numbers.flatten().float()
        return (numbers.float() * self.mapping(None, conditions).float()).sum(1) / math.sqrt(numbers.shape[1])

    def logits_alone(self, images: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Logits (N, M) of images, each in a minibatch of its own, with each of the conditions (M, K); M is 1 without.

        The deviation in such a minibatch is 0, so that no logit depends on the other images.
        """
        numbers = self.out(self.features(images, group=1))
        if self.mapping is None:
            return numbers.float()
        return numbers.float() @ self.mapping(None, conditions).float().T / math.sqrt(numbers.shape[1])

    def features(self, images: Tensor, group: int | None = None) -> Tensor:
        """The numbers (N, F) before the last layer. `group`: images of a minibatch, other than by default."""
        images = images.contiguous(memory_format=torch.channels_last)
        maps: Tensor | None = None
        for block in self.blocks:
            maps = block(maps, images)
            if self.skips:
                images = downsample(images, self.filter)
        if self.from_image is not None:
            read = self.from_image(images)
            maps = read if maps is None else maps + read
        assert maps is not None
        if self.deviations:
            maps = append_minibatch_deviation(maps, group or self.group, self.deviations)
        return leaky_relu(self.dense(self.last(maps).flatten(1)), 0.2) * math.sqrt(2)

    def layers(self) -> list[str]:
        """The names of the sub-modules with weights, from the image on: `freeze` counts them (Mo et al. 2020)."""
        inner = [
            f"blocks.{place}.{name}" for place, block in enumerate(self.blocks) for name, _ in block.named_children()
        ]
        return inner + [name for name, part in self.named_children() if name != "blocks"]


class StyleDiscriminatorBlock(nn.Module):
    """(N, inputs, H, W) to (N, outputs, H / 2, W / 2).

    image_channels: of the image that is read and added to the inputs; None if it reads none.
    shortcut: whether a linear path around the convolutions is added.
    """

    def __init__(
        self, inputs: int, outputs: int, image_channels: int | None, *, shortcut: bool, clamp: float | None
    ) -> None:
        super().__init__()
        gain = math.sqrt(0.5) if shortcut else 1.0
        self.from_image = None if image_channels is None else FilteredConv2d(image_channels, inputs, 1, clamp=clamp)
        self.first = FilteredConv2d(inputs, inputs, 3, clamp=clamp)
        self.second = FilteredConv2d(inputs, outputs, 3, resampling="down", gain=gain, clamp=clamp)
        self.shortcut = (
            FilteredConv2d(inputs, outputs, 1, resampling="down", bias=False, active=False, gain=gain)
            if shortcut
            else None
        )

    def forward(self, maps: Tensor | None, images: Tensor) -> Tensor:
        if self.from_image is not None:
            read = self.from_image(images)
            maps = read if maps is None else maps + read
        made: Tensor = self.second(self.first(maps))
        return made if self.shortcut is None else made + self.shortcut(maps)
