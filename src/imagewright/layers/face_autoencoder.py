"""Blocks of autoencoders that swap faces: a shared encoder, inners, and decoders of pictures and masks.

Blocks of DeepFaceLab's SAEHD and of faceswap: halvings by 5x5 convolutions, doublings by sub-pixel convolutions (Shi et
al. 2016, arXiv:1609.05158), no norms. Shape letters: N batch, C H W picture, h w its sixteenth part.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle

HALVINGS = 4  # of a picture, from its size to the maps in the middle
SLOPE = 0.1


def initialise_he(module: nn.Module) -> None:
    """Uniform weights as of He et al. 2015, and biases of zero, for `nn.Module.apply`."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_uniform_(module.weight, a=SLOPE)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


class Doubling(nn.Module):
    """(N, inner, h, w) to (N, outer, 2 h, 2 w): a 3x3 convolution to four times the channels, which become pixels."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inner, 4 * outer, 3, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return pixel_shuffle(leaky_relu(self.convolution(maps), SLOPE), 2)


class FaceResidual(nn.Module):
    """Two 3x3 convolutions beside a skip connection; the second starts small."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.second(leaky_relu(self.first(maps), 0.2))
        return leaky_relu(maps + inner, 0.2)


class FaceEncoder(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1] to (N, 8 width, h, w): four halvings.

    normalised: whether the numbers of a picture are divided by their root mean square, which is said to help likeness.
    """

    def __init__(self, channels: int, width: int, *, normalised: bool = False) -> None:
        super().__init__()
        widths = [channels, *(width * 2**level for level in range(HALVINGS))]
        self.halvings = nn.ModuleList(nn.Conv2d(inner, outer, 5, 2, 2) for inner, outer in pairwise(widths))
        self.normalised = normalised

    def forward(self, images: Tensor) -> Tensor:
        maps = images
        for halving in self.halvings:
            maps = leaky_relu(halving(maps), SLOPE)
        if self.normalised:
            maps = maps * maps.float().square().mean((1, 2, 3), keepdim=True).add(1e-6).rsqrt().to(maps.dtype)
        return maps


class FaceInner(nn.Module):
    """The code of a face: maps (N, C, h, w) through `code` numbers to (N, outer, 2 h, 2 w)."""

    def __init__(self, inner: int, size: tuple[int, int], code: int, outer: int) -> None:
        super().__init__()
        self.size, self.outer = size, outer
        places = size[0] * size[1]
        self.to_code = nn.Linear(inner * places, code)
        self.from_code = nn.Linear(code, outer * places)
        self.doubling = Doubling(outer, outer)

    def forward(self, maps: Tensor) -> Tensor:
        code = self.to_code(maps.flatten(1))
        opened: Tensor = self.doubling(self.from_code(code).view(-1, self.outer, *self.size))
        return opened


class FaceDecoder(nn.Module):
    """Maps (N, inner, 2 h, 2 w) to a picture in [0, 1] and to its mask, by chains of their own.

    widths: channels after each doubling of the picture; two for a head that makes four pixels of each place, three for
        one that makes one.
    mask_widths: likewise of the mask.
    """

    def __init__(self, inner: int, channels: int, widths: Sequence[int], mask_widths: Sequence[int]) -> None:
        super().__init__()
        self.picture_chain = _Chain(inner, channels, widths, residual=True)
        self.mask_chain = _Chain(inner, 1, mask_widths, residual=False)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        return self.draw_picture(maps), self.draw_mask(maps)

    def draw_picture(self, maps: Tensor) -> Tensor:
        """The picture alone, (N, C, H, W) in [0, 1]."""
        return torch.sigmoid(self.picture_chain(maps).float())

    def draw_mask(self, maps: Tensor) -> Tensor:
        """The mask alone, (N, 1, H, W) in [0, 1]."""
        return torch.sigmoid(self.mask_chain(maps).float())


class _Chain(nn.Module):
    """Doublings to full size. The last one has no channels of its own if there are three of four in `widths`."""

    def __init__(self, inner: int, outer: int, widths: Sequence[int], *, residual: bool) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for width in widths:
            blocks += [Doubling(inner, width), *([FaceResidual(width)] if residual else [])]
            inner = width
        self.blocks = nn.Sequential(*blocks)
        self.is_finer = len(widths) == HALVINGS - 2
        self.head = nn.Conv2d(inner, 4 * outer if self.is_finer else outer, 3, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        drawn: Tensor = self.head(self.blocks(maps))
        return pixel_shuffle(drawn, 2) if self.is_finer else drawn
