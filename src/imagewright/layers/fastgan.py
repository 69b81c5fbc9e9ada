"""The generator of FastGAN: gated upsampling blocks, noise, and the excitation of fine maps by coarse ones.

Liu, Zhu, Song & Elgammal 2021, arXiv:2101.04775, section 3.1, with the channels of its published code.
Departures: noise comes from the draws of a training step, and a fixed one, which is in the weights, makes the pictures
of the verbs, so that a latent has one picture; no spectral norms, whose scale the batch norms after them take off;
weights from N(0, 2 / fan-in) for N(0, 0.02); latents are normalised, as for Projected GAN; sizes other than powers of
two.
Shape letters: N pictures, Z latent, C H W.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from imagewright.layers.first import first_activations, first_weight
from imagewright.layers.initialisation import initialise_kaiming
from imagewright.layers.nearest_resampling import double_and_convolve
from imagewright.layers.norms import pixel_norm

WIDTHS = (16, 8, 4, 2, 2, 1, 1 / 2, 1 / 4, 1 / 8)  # channels of the base and after each doubling, in `width`
REACH = 4  # doublings between a map and the one that it excites
POOLED = 4  # side to which the coarse map is averaged


class SkipExcitation(nn.Module):
    """Skip-layer excitation (eq. 1): each channel of the fine maps times a number from 0 to 1 that coarse maps decide.

    coarse, fine: channels of the maps.
    """

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.AdaptiveAvgPool2d(POOLED),
            nn.Conv2d(coarse, fine, POOLED, bias=False),
            nn.LeakyReLU(0.1),
            nn.Conv2d(fine, fine, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        excited: Tensor = fine * self.main(coarse)
        return excited


class ChannelGate(nn.Module):
    """Gated linear unit: (N, 2 C, H, W) to (N, C, H, W), the first half times the sigmoid of the other.

    As `nn.GLU`, whose gradient is not channels_last, for which the batch norm before it takes eight times as long.
    """

    def forward(self, maps: Tensor) -> Tensor:
        values, gates = maps.chunk(2, 1)
        return values * torch.sigmoid(gates)


class GatedConvolution(nn.Module):
    """3x3 convolution, noise, batch norm and a gated linear unit: (N, inputs, ...) to (N, outputs, H, W).

    size: (H, W).
    doubles: whether each pixel of the inputs is repeated before, to twice the height and width.
    noise: buffer (1, 1, H, W), of the verbs; strength: what noise is multiplied by, 0 at first.
    """

    noise: Tensor

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], *, doubles: bool, noisy: bool) -> None:
        super().__init__()
        self.doubles = doubles
        self.convolution = nn.Conv2d(inputs, 2 * outputs, 3, padding=1, bias=False)
        self.norm, self.gate = nn.BatchNorm2d(2 * outputs), ChannelGate()
        self.noisy = noisy
        if noisy:
            self.strength = nn.Parameter(torch.zeros(1))
            self.register_buffer("noise", torch.randn(1, 1, *size))

    def forward(self, maps: Tensor, noise: Tensor | None = None) -> Tensor:
        made = double_and_convolve(maps, self.convolution.weight, None) if self.doubles else self.convolution(maps)
        if self.noisy:
            made = made + self.strength * (self.noise if noise is None else noise).to(made.dtype)
        gated: Tensor = self.gate(self.norm(made))
        return gated


class FastGenerator(nn.Module):
    """(N, Z) to (N, C, H, W) in [-1, 1].

    channels: C.
    inputs: Z.
    start: (height, width) of the base.
    widths: channels of the base and after each doubling.
    blocks: convolutions after each doubling: 1, or 2, of which each adds noise.
    """

    def __init__(self, channels: int, inputs: int, start: tuple[int, int], widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.ConvTranspose2d(inputs, 2 * widths[0], start, bias=False), nn.BatchNorm2d(2 * widths[0]), ChannelGate()
        )
        self.stages, self.excitations = nn.ModuleList(), nn.ModuleDict()
        self.noise_shapes: list[tuple[int, int]] = []
        for place, (before, after) in enumerate(pairwise(widths), start=1):
            size = (start[0] << place, start[1] << place)
            stage = [
                GatedConvolution(after if number else before, after, size, doubles=not number, noisy=blocks > 1)
                for number in range(blocks)
            ]
            self.stages.append(nn.ModuleList(stage))
            self.noise_shapes += [size] * (blocks if blocks > 1 else 0)
            if place >= REACH:
                self.excitations[str(place)] = SkipExcitation(widths[place - REACH], after)
        self.to_image = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.apply(initialise_kaiming)

    def forward(self, latents: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """`noise`: (N, 1, height, width) for each of `noise_shapes`; None: the fixed noise that is in the weights."""
        maps = [self.first(pixel_norm(latents)[..., None, None])]
        given = iter(noise or ())
        for place, stage in enumerate(self.stages, start=1):
            assert isinstance(stage, nn.ModuleList)
            made = maps[-1]
            for block in stage:
                made = block(made, next(given, None))
            if str(place) in self.excitations:
                made = self.excitations[str(place)](maps[place - REACH], made)
            maps.append(made)
        images: Tensor = torch.tanh(self.to_image(maps[-1]))
        return images

    def activations(self, latents: Tensor) -> Tensor:
        """The first map, flattened: (N, Z) to (N, F)."""
        return first_activations(self.first, pixel_norm(latents)[..., None, None])

    def first_weight(self) -> Tensor:
        """The matrix (F, Z) of the first layer, with its batch normalisation in evaluation mode."""
        projection = next(self.first.parameters())  # (Z, F, height, width)
        return first_weight(self.first, torch.eye(len(projection)).to(projection)[..., None, None])


def fast_widths(width: int, doublings: int) -> list[int]:
    """Channels of the base and after each doubling; beyond 1,024 pixels as there."""
    return [max(1, int(width * WIDTHS[min(place, len(WIDTHS) - 1)])) for place in range(doublings + 1)]
