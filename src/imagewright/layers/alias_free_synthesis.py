"""The synthesis network of StyleGAN3: layers that stay below the frequencies that their sampling rate can represent.

Karras et al. 2021, arXiv:2106.12423: section 3 (configurations E to T and R) and appendix F (the schedule of layers,
the moving mean of magnitudes). Shape letters: N batch, C H W image, I O channels, S style, L layers that take a style.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from imagewright.layers.equalised import EqualisedLinear
from imagewright.layers.filtered_nonlinearity import FilteredLeakyReLU
from imagewright.layers.fourier_features import FourierFeatures
from imagewright.layers.modulated_convolution import modulated_convolution

FIRST_CUTOFF, FIRST_STOPBAND = 2.0, 2.0**2.1  # cycles an image
LAST_STOPBAND = 2.0**0.3  # times the last cutoff
CRITICAL = 2  # last layers whose cutoff is half of the sampling rate
MARGIN = 10  # pixels around the image, in all layers but the last two
IMAGE_GAIN = 0.25  # of the last layer's numbers, whose deviation training keeps near 1

Follow = Callable[[Tensor, Tensor], None]
"""Moves a mean of magnitudes, in place, towards the mean square of a batch."""


@dataclass(frozen=True)
class LayerPlan:
    """What leaves a layer: `sides` in pixels, `rate` in samples an image, `cutoff` and `half_width` in cycles."""

    sides: tuple[int, int]
    rate: int
    cutoff: float
    half_width: float
    channels: int
    critical: bool


def plan_layers(
    size: tuple[int, int], layers: int, channel_base: int, channel_max: int, image_channels: int
) -> list[LayerPlan]:
    """The plans of `layers` layers and of the last one, which makes the image.

    size: (H, W) of the image, a window of the square whose side is the next power of 2.
    channel_base: twice the cutoff times the channels.
    """
    side = 1 << (max(size) - 1).bit_length()
    plans = []
    for place in range(layers + 1):
        progress = min(place / (layers - CRITICAL), 1)
        cutoff = FIRST_CUTOFF * (side / 2 / FIRST_CUTOFF) ** progress
        stopband = FIRST_STOPBAND * (side / 2 * LAST_STOPBAND / FIRST_STOPBAND) ** progress
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, side)))
        margin = 0 if place >= layers - 1 else 2 * MARGIN
        height, width = (each * rate // side + margin for each in size)
        channels = image_channels if place == layers else max(1, round(min(channel_base / 2 / cutoff, channel_max)))
        half_width = max(stopband, rate / 2) - cutoff
        plans.append(LayerPlan((height, width), rate, cutoff, half_width, channels, place >= layers - CRITICAL))
    return plans


class AliasFreeSynthesis(nn.Module):
    """(N, L, S) styles to (N, C, H, W). L is `len(plans) + 1`: one for the sinusoids, and one for each layer.

    plans: of the layers, in order; `plan_layers`.
    kernel: pixels of the convolutions' kernels: 3 in configuration T, 1 in R.
    radial: whether the filters after the activations are rotationally symmetric, as in R.
    clamp: the largest size of an activated number; None for no limit.
    """

    def __init__(
        self,
        plans: Sequence[LayerPlan],
        style_dim: int,
        *,
        kernel: int = 3,
        radial: bool = False,
        clamp: float | None = 256.0,
    ) -> None:
        super().__init__()
        first = plans[0]
        self.input = FourierFeatures(first.channels, first.sides, style_dim, rate=first.rate, bandwidth=first.cutoff)
        # The names tell place, height and channels, as the published ones do.
        self.blocks = nn.ModuleDict()
        for place, (before, after) in enumerate(itertools.pairwise([first, *plans])):
            name = f"{place}_{after.sides[0]}_{after.channels}"
            if place < len(plans) - 1:
                self.blocks[name] = AliasFreeLayer(before, after, style_dim, kernel=kernel, radial=radial, clamp=clamp)
            else:
                self.blocks[name] = AliasFreeToImage(before.channels, after.channels, style_dim, clamp=clamp)

    @property
    def layers(self) -> int:
        """L."""
        return len(self.blocks) + 1

    def affines(self, layer: int) -> list[EqualisedLinear]:
        """What the style of a layer, 0 to L - 1, goes through."""
        parts: list[Any] = [self.input, *self.blocks.values()]
        return [parts[layer].affine]

    def forward(self, styles: Tensor, follow: Follow | None = None, moved: Tensor | None = None) -> Tensor:
        """`follow` is called for each layer's mean of magnitudes; `moved` is the transform of the sinusoids."""
        first, *others = styles.unbind(1)
        maps: Tensor = self.input(first, moved)
        for block, style in zip(self.blocks.values(), others, strict=True):
            maps = block(maps, style, follow)
        return maps.float() * IMAGE_GAIN


class MagnitudeMean(nn.Module):
    """The moving mean of the mean square of a layer's input, by which training keeps its numbers near 1.

    value: buffer, a scalar.
    """

    value: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.ones(()))

    def forward(self, maps: Tensor, follow: Follow | None) -> Tensor:
        """The gain of the layer."""
        if follow is not None:
            follow(self.value, maps.detach().float().square().mean())
        return self.value.rsqrt()


class AliasFreeLayer(nn.Module):
    """Modulated convolution of (N, I, H, W) by styles (N, S), bias, and filtered leaky ReLU.

    before, after: what enters and leaves the layer.
    """

    def __init__(
        self, before: LayerPlan, after: LayerPlan, style_dim: int, *, kernel: int, radial: bool, clamp: float | None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after.channels, before.channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after.channels))
        self.affine = EqualisedLinear(style_dim, before.channels, bias_start=1.0)
        self.magnitude = MagnitudeMean()
        height, width = before.sides
        self.activation = FilteredLeakyReLU(
            (height + kernel - 1, width + kernel - 1),
            after.sides,
            (before.rate, 2 * max(before.rate, after.rate), after.rate),
            (before.cutoff, after.cutoff),
            (before.half_width, after.half_width),
            radial=radial and not after.critical,
            clamp=clamp,
        )

    def forward(self, maps: Tensor, styles: Tensor, follow: Follow | None = None) -> Tensor:
        gain = self.magnitude(maps, follow)
        # Neither scale changes the demodulated result; both keep half precision within its range.
        weight = self.weight * self.weight.float().square().mean((1, 2, 3), keepdim=True).rsqrt()
        scales = self.affine(styles).float()
        scales = scales * (scales.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        made = modulated_convolution(
            maps, weight, scales, padding=self.weight.shape[-1] - 1, gain=gain, added=self.bias[:, None, None]
        )
        activated: Tensor = self.activation(made)
        return activated


class AliasFreeToImage(nn.Module):
    """(N, I, H, W) and styles (N, S) to (N, C, H, W): a 1x1 convolution without demodulation."""

    def __init__(self, inputs: int, channels: int, style_dim: int, *, clamp: float | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.affine = EqualisedLinear(style_dim, inputs, bias_start=1.0)
        self.magnitude = MagnitudeMean()
        self.scale, self.clamp = 1 / math.sqrt(inputs), clamp

    def forward(self, maps: Tensor, styles: Tensor, follow: Follow | None = None) -> Tensor:
        factors = self.affine(styles) * (self.scale * self.magnitude(maps, follow))
        made = modulated_convolution(maps, self.weight, factors, demodulate=False, added=self.bias[:, None, None])
        return made if self.clamp is None else made.clamp(-self.clamp, self.clamp)
