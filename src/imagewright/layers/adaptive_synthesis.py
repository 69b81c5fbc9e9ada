"""The generator of StyleGAN: a mapping network, and a synthesis whose layers are styled by adaptive instance norm.

Karras et al. 2019, arXiv:1812.04948, section 2, figure 1; truncation appendix B; layers appendix C. Shape letters:
N batch, Z latent, K classes, S numbers of a style, L layers, C H W image, M channels of a map.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from imagewright.layers.equalised import EqualisedConv2d, EqualisedLinear
from imagewright.layers.growing import GAIN, ChannelBlur, DoublingConvolution, GrowingImages, activate
from imagewright.layers.norms import normalise_instances, pixel_norm

FUSED_FROM = 128  # pixels
EPS = 1e-8
FusedName = Literal["auto", "always", "never"]
Noise = Callable[[int, int, int], Tensor] | None
"""From (1, H, W) to noise (N, 1, H, W) of N(0, 1), such as `Draws.normal`; None for the stored noise."""


class ConcatenatingMapping(nn.Module):
    """From latents (N, Z) and classes (N, K) to styles (N, S): both are concatenated, then normalised together.

    width: of the hidden layers.
    rate: factor of the learning rate.
    """

    def __init__(self, latents: int, classes: int, styles: int, *, layers: int, width: int, rate: float) -> None:
        super().__init__()
        if classes:
            self.label_weight = nn.Parameter(torch.randn(classes, latents))
        self.classes = classes
        sizes = [latents * (2 if classes else 1), *[width] * (layers - 1), styles]
        self.layers = nn.ModuleList(
            EqualisedLinear(inner, outer, gain=GAIN, rate=rate) for inner, outer in itertools.pairwise(sizes)
        )

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        if self.classes:
            assert classes is not None
            latents = torch.cat([latents, classes.to(latents.dtype) @ self.label_weight], 1)
        styles = pixel_norm(latents)
        for layer in self.layers:
            styles = activate(layer(styles))
        return styles


class StyledEpilogue(nn.Module):
    """What follows each layer: noise, bias, leaky ReLU, instance norm, then scale and shift by a style.

    size: of the map.
    blurred: whether maps are blurred before, as after a doubling.
    noise: buffer, (1, 1, H, W): what the verbs add; `noise_strength` (M,) starts at 0.
    """

    noise: Tensor

    def __init__(self, channels: int, styles: int, size: tuple[int, int], *, blurred: bool) -> None:
        super().__init__()
        self.blur = ChannelBlur(channels) if blurred else None
        self.noise_strength = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.style = EqualisedLinear(styles, 2 * channels)
        self.register_buffer("noise", torch.randn(1, 1, *size))

    def forward(self, maps: Tensor, styles: Tensor, noise: Noise) -> Tensor:
        maps = maps if self.blur is None else self.blur(maps)
        added = self.noise if noise is None else noise(1, *maps.shape[2:])
        maps = maps + (added * self.noise_strength[:, None, None] + self.bias[:, None, None]).to(maps.dtype)
        scale, shift = self.style(styles)[:, :, None, None].chunk(2, 1)
        return normalise_instances(activate(maps), EPS) * (scale + 1) + shift


class AdaptiveSynthesis(nn.Module):
    """From styles (N, L, S) to images (N, C, H, W), without a tanh.

    widths: channels from the smallest to the full size, with two layers each.
    fused: whether doublings and convolutions are one layer; auto: from 128 pixels on, as published.
    """

    def __init__(
        self,
        styles: int,
        widths: Sequence[int],
        channels: int,
        first_map: tuple[int, int],
        *,
        fused: FusedName = "auto",
        lod: float = 0.0,
    ) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.ones(1, widths[0], *first_map))
        convolutions: list[nn.Module] = [nn.Identity()]
        epilogues: list[nn.Module] = []
        for number, width in enumerate(widths):
            size = first_map[0] << number, first_map[1] << number
            if number:
                is_fused = fused == "always" or (fused == "auto" and min(size) >= FUSED_FROM)
                convolutions.append(DoublingConvolution(widths[number - 1], width, fused=is_fused, bias=False))
            convolutions.append(EqualisedConv2d(width, width, 3, gain=GAIN, bias=False))
            epilogues += [StyledEpilogue(width, styles, size, blurred=doubled) for doubled in (number > 0, False)]
        self.convolutions, self.epilogues = nn.ModuleList(convolutions), nn.ModuleList(epilogues)
        self.images = GrowingImages(widths, channels, lod)

    @property
    def count(self) -> int:
        """L, the layers that take a style."""
        return len(self.epilogues)

    @property
    def noise_shapes(self) -> list[tuple[int, int]]:
        """Height and width of the noise of each layer in use."""
        epilogues: Any = self.epilogues[: self.used]
        return [(epilogue.noise.shape[2], epilogue.noise.shape[3]) for epilogue in epilogues]

    def affines(self, layer: int) -> list[EqualisedLinear]:
        """What the style of a layer, 0 to L - 1, goes through."""
        epilogue: Any = self.epilogues[layer]
        return [epilogue.style]

    @property
    def used(self) -> int:
        """The layers that are in use at this level of detail."""
        return 2 * self.images.stages

    def forward(self, styles: Tensor, noise: Noise = None) -> Tensor:
        maps = former = self.const.expand(styles.shape[0], -1, -1, -1)
        for number in range(self.used):
            if number % 2 == 0:
                former = maps
            maps = self.epilogues[number](self.convolutions[number](maps), styles[:, number], noise)
        images: Tensor = self.images(maps, former)
        return images


class AdaptiveStyleGenerator(nn.Module):
    """From latents (N, Z) and classes (N, K) to images (N, C, H, W).

    Networks: `mapping` and `synthesis`. `w_average` is a buffer, (S,): the moving average of styles.
    """

    w_average: Tensor

    def __init__(self, mapping: ConcatenatingMapping, synthesis: AdaptiveSynthesis, styles: int) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis
        self.register_buffer("w_average", torch.zeros(styles))

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        images: Tensor = self.synthesis(self.repeat(self.mapping(latents, classes)))
        return images

    def repeat(self, w: Tensor) -> Tensor:
        """The same style (N, S) for each layer: (N, L, S)."""
        return w[:, None].expand(-1, self.synthesis.count, -1)

    def follow(self, batch_mean: Tensor, decay: float) -> None:
        """Move the average of styles towards that of a training batch (S,), over all ranks."""
        self.w_average.lerp_(batch_mean.detach().to(self.w_average.dtype), 1 - decay)

    def truncate(self, styles: Tensor, psi: float, layers: int) -> Tensor:
        """Styles (N, L, S), those of the first `layers` at the fraction psi of the way from their average."""
        truncated = torch.lerp(self.w_average.to(styles.dtype), styles[:, :layers], psi)
        return torch.cat([truncated, styles[:, layers:]], 1)
