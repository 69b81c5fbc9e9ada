"""The networks of BigGAN, and the image sizes and widths that BigGAN and BigGAN-deep share.

Brock, Donahue & Simonyan 2019, arXiv:1809.11096, appendix B, figure 15 and tables 4 to 6; names as in the authors'
PyTorch code. Shape letters: N batch, Z noise, K classes or attributes, Y condition of a block, C H W image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import relu

from imagewright.configs import SizedConfig
from imagewright.layers.conditional_norm import ConditionalNorm
from imagewright.layers.initialisation import initialise_orthogonal
from imagewright.layers.nearest_resampling import convolve_and_halve, double, double_and_convolve, halve
from imagewright.layers.self_attention import SelfAttention
from imagewright.layers.spectral_norm import SpectralConvolution, SpectralEmbedding, SpectralLinear, embed, pointwise

START = 4  # the shorter side of the first map, about
MOST_DOUBLINGS = 7
# Channels of the generator's maps, first to last, in multiples of the width, by the number of doublings (tables 4 to 6;
# 32 pixels: the authors' code; fewer: the same).
GENERATOR_WIDTHS = {
    1: (4, 4),
    2: (4, 4, 4),
    3: (4, 4, 4, 4),
    4: (16, 16, 8, 4, 2),
    5: (16, 16, 8, 4, 2, 1),
    6: (16, 16, 8, 8, 4, 2, 1),
    7: (16, 16, 8, 8, 4, 2, 1, 1),
}
DISCRIMINATOR_WIDTHS = {
    1: (4, 4),
    2: (4, 4, 4),
    3: (4, 4, 4, 4),
    4: (1, 2, 4, 8, 16),
    5: (1, 2, 4, 8, 16, 16),
    6: (1, 2, 4, 8, 8, 16, 16),
    7: (1, 1, 2, 4, 8, 8, 16, 16),
}
NO_SIDES = "none"


@dataclass(frozen=True, kw_only=True)
class BigGANShape(SizedConfig):
    """The sizes and widths of the networks. Each side is 3 to 5 times a power of two, or more of the longer one."""

    width: int = Field(96, ge=1, le=1024, description="channels of the finest map, of which others are multiples")
    discriminator_width: int = Field(96, ge=1, le=1024, description="the same, in the discriminator")
    attention: str = Field(
        "64", description="sides of the generator's maps with self-attention, with commas between them; none"
    )
    discriminator_attention: str = Field("64", description="the same, in the discriminator")

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        unit = 2 ** _doublings(min(size))
        return (
            f"of a shorter side of {min(size)} both sides must be multiples of {unit} (in general, the shorter side is "
            "3, 4 or 5 times a power of two, 6 to 640, and the longer one a multiple of that power)"
        )

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        shorter = min(height, width)
        doublings = _doublings(shorter)
        start = min(max(round(shorter / 2**doublings), START - 1), START + 1)
        if start == START + 2:  # of 6 times a power of two, 3 times the next one
            doublings, start = doublings + 1, START - 1
        unit, scale = 2**doublings, start * 2**doublings / shorter
        sides = (max(start, round(side * scale / unit)) * unit for side in (height, width))
        return next(sides), next(sides)

    @field_validator("attention", "discriminator_attention")
    @classmethod
    def _sides_are_numbers(cls, sides: str) -> str:
        if sides != NO_SIDES and not all(side.strip().isdecimal() for side in sides.split(",")):
            raise ValueError(f"attention {sides!r}: expected sides such as 64, or 32,64, or {NO_SIDES}")
        return sides

    @property
    def doublings(self) -> int:
        """The number of doublings from the size of the first map to that of the image."""
        return _doublings(min(self.size))

    @property
    def start(self) -> tuple[int, int]:
        """Height and width of the first map."""
        return self.size[0] >> self.doublings, self.size[1] >> self.doublings

    @property
    def generator_widths(self) -> list[int]:
        """Channels of the generator's maps, first to last."""
        return [self.width * multiple for multiple in GENERATOR_WIDTHS[self.doublings]]

    @property
    def discriminator_widths(self) -> list[int]:
        """Channels of the discriminator's maps after each of its blocks."""
        return [self.discriminator_width * multiple for multiple in DISCRIMINATOR_WIDTHS[self.doublings]]

    @property
    def halvings(self) -> int:
        """How many blocks of the discriminator halve their map: at 32 pixels two of four, else all but the last."""
        return 2 if self.doublings == 3 else self.doublings

    def attends(self, sides: str, halvings: int) -> bool:
        """Whether maps so many halvings below the image have self-attention.

        sides: an option, `attention` or `discriminator_attention`. The map whose side is nearest to one of them has it,
            for images whose sides are no powers of two.
        """
        side = min(self.size) / 2**halvings
        wanted = [] if sides == NO_SIDES else [int(each) for each in sides.split(",")]
        return any(each and abs(math.log2(side / each)) < 0.5 for each in wanted)


def _doublings(side: int) -> int:
    return min(max(round(math.log2(max(side, 1) / START)), 1), MOST_DOUBLINGS)


class ConditionalDoublingBlock(nn.Module):
    """A residual block that doubles its map: figure 15 (b).

    norm: builds the conditional norm of so many channels. convolution: builds one of inputs, outputs and kernel.
    """

    def __init__(
        self, inputs: int, outputs: int, norm: Callable[[int], ConditionalNorm], convolution: Callable[..., Any]
    ) -> None:
        super().__init__()
        self.conv1, self.conv2 = convolution(inputs, outputs, 3), convolution(outputs, outputs, 3)
        self.conv_sc = convolution(inputs, outputs, 1)
        self.bn1, self.bn2 = norm(inputs), norm(outputs)

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        inner = self.bn1(maps, condition)
        inner = double_and_convolve(inner, self.conv1.normalised_weight(), self.conv1.bias)
        inner = self.conv2(self.bn2(inner, condition))
        # A 1x1 convolution of the doubled map is the doubled map of the convolution.
        result: Tensor = inner.add_(double(self.conv_sc(maps)))
        return result


class BigGANGenerator(nn.Module):
    """From noise (N, Z) and conditions to images (N, C, H, W) in [-1, 1].

    shape: sizes and widths.
    noise: Z; with `hierarchical` in equal parts: of the first layer, and of each block.
    conditions: K.
    shared: numbers of the embedding that all norms share; 0: each norm has an embedding of its own.
    hierarchical: whether blocks take a part of the noise; needs a shared embedding.
    norm_eps: added to variances. spectral_eps: the least norm of a singular vector.
    """

    def __init__(
        self,
        shape: BigGANShape,
        *,
        noise: int,
        conditions: int,
        shared: int,
        hierarchical: bool,
        norm_eps: float,
        spectral_eps: float,
    ) -> None:
        super().__init__()
        self.start, self.noise, widths = shape.start, noise, shape.generator_widths
        self.chunk = noise // (shape.doublings + 1) if hierarchical else noise
        self.shared = nn.Embedding(conditions, shared) if shared else None
        spectral: dict[str, Any] = {"eps": spectral_eps, "evaluation": "iterated"}
        convolution: Callable[..., Any] = partial(SpectralConvolution, **spectral)

        def norm(channels: int) -> ConditionalNorm:
            if not shared:
                gain, bias = (ClassVectors(conditions, channels) for _ in range(2))
                return ConditionalNorm(channels, gain, bias, norm_eps)
            size = shared + (self.chunk if hierarchical else 0)
            maps = (SpectralLinear(size, channels, bias=False, **spectral) for _ in range(2))
            return ConditionalNorm(channels, next(maps), next(maps), norm_eps)

        self.hierarchical = hierarchical
        self.linear = SpectralLinear(self.chunk, widths[0] * math.prod(self.start), **spectral)
        self.blocks = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(pairwise(widths)):
            parts: list[nn.Module] = [ConditionalDoublingBlock(inputs, outputs, norm, convolution)]
            if shape.attends(shape.attention, shape.doublings - 1 - level):
                parts.append(SelfAttention(outputs, partial(pointwise, **spectral)))
            self.blocks.append(nn.ModuleList(parts))
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(widths[-1], eps=norm_eps), nn.ReLU(), convolution(widths[-1], shape.channels, 3)
        )
        self.apply(initialise_orthogonal)

    def forward(self, noise: Tensor, conditions: Tensor) -> Tensor:
        """noise: (N, Z). conditions: classes, int64 (N,), or weights of classes or attributes, (N, K)."""
        images: Tensor = torch.tanh(self.output_layer(self._last_map(noise, conditions)).float())
        return images

    def _last_map(self, noise: Tensor, conditions: Tensor) -> Tensor:
        first, *others = noise.split(self.chunk, 1)
        embedded = conditions if self.shared is None else embed(conditions, self.shared.weight)
        maps = self.linear(first).unflatten(1, (-1, *self.start))
        maps = maps.contiguous(memory_format=torch.channels_last)
        for level, parts in enumerate(self.blocks):
            block, *attention = cast("nn.ModuleList", parts)
            maps = block(maps, torch.cat([embedded, others[level]], 1) if self.hierarchical else embedded)
            for each in attention:
                maps = each(maps)
        return maps


class ClassVectors(nn.Embedding):
    """A vector for each class: classes, int64 (N,), or their weights, (N, K), to (N, F)."""

    def forward(self, conditions: Tensor) -> Tensor:
        return embed(conditions, self.weight)


class HalvingBlock(nn.Module):
    """A residual block of the discriminator: figure 15 (c).

    hidden: channels between its convolutions.
    first: whether it takes the image, without a ReLU before.
    halves: whether it halves its map by means.
    """

    def __init__(
        self, inputs: int, outputs: int, hidden: int, convolution: Callable[..., Any], *, first: bool, halves: bool
    ) -> None:
        super().__init__()
        self.first, self.halves = first, halves
        self.conv1, self.conv2 = convolution(inputs, hidden, 3), convolution(hidden, outputs, 3)
        self.conv_sc = convolution(inputs, outputs, 1) if inputs != outputs or halves else None

    def forward(self, maps: Tensor) -> Tensor:
        inner = relu(self.conv1(maps if self.first else relu(maps)))
        # The mean of a 1x1 convolution is the convolution of the mean.
        shortcut = halve(maps) if self.halves else maps
        shortcut = shortcut if self.conv_sc is None else self.conv_sc(shortcut)
        if not self.halves:
            return cast("Tensor", self.conv2(inner)) + shortcut
        return convolve_and_halve(inner, self.conv2.normalised_weight(), self.conv2.bias) + shortcut


class ProjectionDiscriminator(nn.Module):
    """From images (N, C, H, W) and conditions to logits (N,), by projection: Miyato & Koyama 2018, arXiv:1802.05637.

    linear: from features (N, F) to logits (N, 1). embed: from conditions to (N, F).
    """

    linear: SpectralLinear
    embed: SpectralEmbedding

    def forward(self, images: Tensor, conditions: Tensor) -> Tensor:
        """Logits (N,). conditions: classes, int64 (N,), or weights of classes or attributes, (N, K)."""
        features = self.features(images)
        logits: Tensor = self.linear(features)[:, 0].float() + (self.embed(conditions) * features).sum(1).float()
        return logits

    def features(self, images: Tensor) -> Tensor:
        """The last map, rectified and summed over its places: (N, F)."""
        raise NotImplementedError


class BigGANDiscriminator(ProjectionDiscriminator):
    """The discriminator of BigGAN.

    shape: sizes and widths.
    conditions: K.
    wide: whether the channels between two convolutions are those of the block's output; else of its input.
    spectral_eps: the least norm of a singular vector.
    """

    def __init__(self, shape: BigGANShape, *, conditions: int, wide: bool, spectral_eps: float) -> None:
        super().__init__()
        spectral: dict[str, Any] = {"eps": spectral_eps, "evaluation": "iterated"}
        convolution: Callable[..., Any] = partial(SpectralConvolution, **spectral)
        widths = [shape.channels, *shape.discriminator_widths]
        self.blocks = nn.ModuleList()
        for level, (inputs, outputs) in enumerate(pairwise(widths)):
            halves = level < shape.halvings
            hidden = outputs if wide else inputs
            block = HalvingBlock(inputs, outputs, hidden, convolution, first=level == 0, halves=halves)
            parts: list[nn.Module] = [block]
            if shape.attends(shape.discriminator_attention, min(level + 1, shape.halvings)):
                parts.append(SelfAttention(outputs, partial(pointwise, **spectral)))
            self.blocks.append(nn.Sequential(*parts))
        self.linear = SpectralLinear(widths[-1], 1, **spectral)
        self.embed = SpectralEmbedding(conditions, widths[-1], **spectral)
        self.apply(initialise_orthogonal)

    def features(self, images: Tensor) -> Tensor:
        maps = images
        for block in self.blocks:
            maps = block(maps)
        return relu(maps).sum((2, 3))
