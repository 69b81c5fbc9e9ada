"""A generator and a discriminator of residual blocks with grouped convolutions and no normalisation.

Huang et al. 2024 (R3GAN), arXiv:2501.05441, section 3 and appendix: the bottleneck block of ResNeXt, inverted (the
grouped convolution is the widest), with a bias and a leaky ReLU after all but its last convolution. Residual branches
start at zero (Fix-up). Shape letters: N batch, Z latent, K classes, E embedding, C H W image, W channels of a stage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_

from imagewright.layers.convolution import PenalisedConv2d
from imagewright.layers.resampling import downsample, filter_from_taps, upsample

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the variance of what passes a leaky ReLU
TAPS = (1.0, 3.0, 3.0, 1.0)  # [1, 2, 1], convolved with the [1, 1] of nearest neighbours


@dataclass(frozen=True, kw_only=True)
class GroupedStages:
    """The stages of a network by the size of their maps, from the smallest on. The next maps are twice as large.

    start: height and width of the smallest maps.
    widths, groups, blocks: of each stage its channels, the groups of its grouped convolutions, and its blocks.
    expansion: channels inside a block, in channels of the stage.
    """

    start: tuple[int, int]
    widths: Sequence[int]
    groups: Sequence[int]
    blocks: Sequence[int]
    expansion: int = 2

    def build_blocks(self, place: int, convolution: type[nn.Conv2d]) -> list[nn.Module]:
        """The blocks of one stage, which are initialised for the number of blocks of the whole network."""
        width, groups = self.widths[place], self.groups[place]
        gain = GAIN * sum(self.blocks) ** (-1 / 4)  # of two layers that share the root of 1 / blocks (Fix-up)
        made = [GroupedBlock(width, groups, self.expansion, gain, convolution) for _ in range(self.blocks[place])]
        return list(made)


class GroupedBlock(nn.Module):
    """(N, W, H, W) to the same: x + a 1x1, a grouped 3x3 and a 1x1 convolution of it.

    gain: of the first two convolutions' weights, in those that keep the variance.
    convolution: its class.
    """

    def __init__(self, width: int, groups: int, expansion: int, gain: float, convolution: type[nn.Conv2d]) -> None:
        super().__init__()
        inner = width * expansion
        self.expand = _initialise(convolution(width, inner, 1), gain)
        self.mix = _initialise(convolution(inner, inner, 3, padding=1, groups=groups), gain)
        self.project = _initialise(convolution(inner, width, 1, bias=False), 0.0)

    def forward(self, maps: Tensor) -> Tensor:
        # In place, so that one map is held a convolution, not what goes into the leaky ReLU besides.
        inner = leaky_relu_(self.expand(maps), SLOPE)
        changed: Tensor = maps + self.project(leaky_relu_(self.mix(inner), SLOPE))
        return changed


class Enlarge(nn.Module):
    """(N, inputs, H, W) to (N, outputs, 2 H, 2 W)."""

    kernel: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.change = _initialise(nn.Conv2d(inputs, outputs, 1, bias=False)) if inputs != outputs else nn.Identity()
        self.register_buffer("kernel", filter_from_taps(TAPS))

    def forward(self, maps: Tensor) -> Tensor:
        return upsample(self.change(maps), self.kernel)


class Reduce(nn.Module):
    """(N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""

    kernel: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        changed = PenalisedConv2d(inputs, outputs, 1, bias=False)
        self.change = _initialise(changed) if inputs != outputs else nn.Identity()
        self.register_buffer("kernel", filter_from_taps(TAPS))

    def forward(self, maps: Tensor) -> Tensor:
        reduced: Tensor = self.change(downsample(maps, self.kernel))
        return reduced


class BasisMaps(nn.Module):
    """(N, inputs) to (N, W, h, w): a learned map a channel, times a number."""

    def __init__(self, inputs: int, width: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(width, *size))
        self.linear = _initialise(nn.Linear(inputs, width, bias=False))

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.linear(inputs)[:, :, None, None] * self.basis
        return maps.contiguous(memory_format=torch.channels_last)


class BasisProducts(nn.Module):
    """(N, W, h, w) to (N, outputs): of each channel the product with a learned map, then a matrix."""

    def __init__(self, width: int, outputs: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(width, 1, *size) / math.sqrt(math.prod(size)))
        self.linear = _initialise(nn.Linear(width, outputs, bias=False))

    def forward(self, maps: Tensor) -> Tensor:
        products: Tensor = self.linear((maps * self.basis[:, 0]).sum((2, 3)))
        return products


class GroupedGenerator(nn.Module):
    """From (N, Z), and conditions (N, K) if there are any, to images (N, C, H, W), without a tanh.

    inputs: Z.
    conditions, embedding: K and E; without conditions there is no embedding.
    """

    def __init__(
        self, channels: int, stages: GroupedStages, inputs: int, conditions: int = 0, embedding: int = 64
    ) -> None:
        super().__init__()
        if conditions:
            self.embedding = _initialise(nn.Linear(conditions, embedding, bias=False))
            inputs += embedding
        first: list[nn.Module] = [BasisMaps(inputs, stages.widths[0], stages.start)]
        heads = [*first, *(Enlarge(inner, outer) for inner, outer in pairwise(stages.widths))]
        parts = [nn.Sequential(head, *stages.build_blocks(place, nn.Conv2d)) for place, head in enumerate(heads)]
        self.stages = nn.ModuleList(parts)
        self.to_image = _initialise(nn.Conv2d(stages.widths[-1], channels, 1, bias=False))

    def forward(self, latents: Tensor, conditions: Tensor | None = None) -> Tensor:
        maps = self.join(latents, conditions)
        for stage in self.stages:
            maps = stage(maps)
        images: Tensor = self.to_image(maps)
        return images

    def join(self, latents: Tensor, conditions: Tensor | None) -> Tensor:
        """(N, Z + E): latents, and the embedding of conditions."""
        return latents if conditions is None else torch.cat([latents, self.embedding(conditions)], 1)

    def activations(self, latents: Tensor, conditions: Tensor | None = None) -> Tensor:
        """The maps of the first stage, flattened: (N, F)."""
        maps: Tensor = self.stages[0](self.join(latents, conditions))
        return maps.flatten(1)

    def first_weight(self, noise: int) -> Tensor:
        """The matrix (W, Z + K) from noise (N, Z) and conditions (N, K) to the factors of the first maps."""
        weight = self.stages[0][0].linear.weight  # type: ignore[index]
        conditions = [weight[:, noise:] @ self.embedding.weight] if hasattr(self, "embedding") else []
        return torch.cat([weight[:, :noise], *conditions], 1)


class GroupedDiscriminator(nn.Module):
    """From images (N, C, H, W), and conditions (N, K) if there are any, to logits (N,).

    The conditions' embedding is multiplied with E features (Miyato & Koyama 2018, arXiv:1802.05637, without the term
    that is independent of the class).

    stages: from the smallest maps on, in which it ends.
    conditions, embedding: K and E.
    """

    def __init__(self, channels: int, stages: GroupedStages, conditions: int = 0, embedding: int = 0) -> None:
        super().__init__()
        widths = stages.widths
        self.from_image = _initialise(PenalisedConv2d(channels, widths[-1], 1, bias=False))
        last: list[nn.Module] = [BasisProducts(widths[0], embedding if conditions else 1, stages.start)]
        ends = [*last, *(Reduce(outer, inner) for inner, outer in pairwise(widths))]
        parts = [nn.Sequential(*stages.build_blocks(place, PenalisedConv2d), end) for place, end in enumerate(ends)]
        self.stages = nn.ModuleList(reversed(parts))
        if conditions:
            self.embedding = _initialise(nn.Linear(conditions, embedding, bias=False), embedding**-0.5)

    def forward(self, images: Tensor, conditions: Tensor | None = None) -> Tensor:
        numbers = self._judge(images)
        if conditions is not None:
            numbers = numbers * self.embedding(conditions)
        return numbers.sum(1).float()

    def logits_of(self, images: Tensor, conditions: Tensor) -> Tensor:
        """(N, M): of each image under each of M conditions (M, K)."""
        logits: Tensor = self._judge(images) @ self.embedding(conditions).T
        return logits.float()

    def _judge(self, images: Tensor) -> Tensor:
        """(N, E), or (N, 1) without conditions."""
        maps: Tensor = self.from_image(images)
        for stage in self.stages:
            maps = stage(maps)
        return maps

    def features(self, images: Tensor) -> Tensor:
        """The last map (N, W, h, w)."""
        maps: Tensor = self.from_image(images)
        for stage in self.stages[:-1]:
            maps = stage(maps)
        last: Tensor = self.stages[-1][:-1](maps)  # type: ignore[index]
        return last


def _initialise(layer: nn.Module, gain: float = 1.0) -> nn.Module:
    """Weights of N(0, gain^2 / inputs), biases of 0, in place."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)
    nn.init.normal_(weight, std=gain / math.sqrt(math.prod(weight.shape[1:])))
    if isinstance(bias, Tensor):
        nn.init.zeros_(bias)
    return layer
