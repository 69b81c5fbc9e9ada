"""Distortion of decoded pictures: PSNR and SSIM (Wang et al. 2004, "Image quality assessment").

SSIM has windows of 7x7, unbiased variances and the constants of scikit-image's `structural_similarity`. Sums over a
window are sums of whole numbers, which float32 holds exactly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

WINDOW = 7  # pixels a side: 49 products of two grey levels are below 2^24
SMALLEST_WINDOW = 3
CONSTANTS = (0.01 * 255) ** 2, (0.03 * 255) ** 2
VALUES_AT_ONCE = 1 << 18  # of pictures that are compared together, so that their maps stay in the processor's cache
KEPT_VALUES = 1 << 24  # of originals whose sums are kept; those of more are computed for each comparison


class Distortion:
    """Measures decoded pictures against the same originals, whose part of the work is done once.

    pictures: the originals, uint8 (N, C, H, W).
    """

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures
        side = min(WINDOW, *pictures.shape[2:])
        self.side = side - (side + 1) % 2  # windows have odd sides
        self.parts = pictures.split(max(1, VALUES_AT_ONCE // math.prod(pictures.shape[1:])))
        self._kept = pictures.numel() <= KEPT_VALUES
        self._sums: dict[int, tuple[Tensor, Tensor]] = {}

    def psnr(self, rebuilt: Tensor) -> float:
        """The peak signal-to-noise ratio of uint8 pictures in dB, of the mean squared error over all of them."""
        total = 0
        for one, other in zip(self.parts, rebuilt.split(len(self.parts[0])), strict=True):
            total += int((one.float() - other.float()).square_().sum(dtype=torch.float64))
        return 10 * math.log10(255**2 / (total / rebuilt.numel())) if total else math.inf

    def ssim(self, rebuilt: Tensor) -> float | None:
        """The mean structural similarity of uint8 pictures; None below 3 pixels a side."""
        if self.side < SMALLEST_WINDOW:
            return None
        others = rebuilt.split(len(self.parts[0]))
        means = [self._similarities(number, other.float()) for number, other in enumerate(others)]
        return float(torch.cat(means).mean())

    def _similarities(self, number: int, other: Tensor) -> Tensor:
        """The mean similarity of each plane of a part, float64 (n C,)."""
        one = self.parts[number].float()
        sum_one, squares_one = self._sums_of(number, one)
        sum_other = _window_sums(other, self.side).double()
        squares = squares_one + _window_sums(other.square(), self.side).double()
        products = _window_sums(one * other, self.side).double()
        # Equation 13, each factor times the square of the number of pixels in a window.
        count = self.side**2
        unbiased = count / (count - 1)
        first, second = (constant * count**2 for constant in CONSTANTS)
        mixed = sum_one * sum_other
        means = sum_one.square().addcmul_(sum_other, sum_other)
        above = (2 * mixed + first).mul_(products.mul_(count).sub_(mixed).mul_(2 * unbiased).add_(second))
        below = squares.mul_(count).sub_(means).mul_(unbiased).add_(second).mul_(means.add_(first))
        return above.div_(below).flatten(2).mean(2).flatten()

    def _sums_of(self, number: int, one: Tensor) -> tuple[Tensor, Tensor]:
        """The sums of the originals' levels and of their squares in each window, float64."""
        if number in self._sums:
            return self._sums[number]
        sums = _window_sums(one, self.side).double(), _window_sums(one.square(), self.side).double()
        if self._kept:
            self._sums[number] = sums
        return sums


def measure_psnr(pictures: Tensor, rebuilt: Tensor) -> float:
    """`Distortion.psnr` of one comparison; pictures of any shape."""
    return Distortion(_batch(pictures)).psnr(_batch(rebuilt))


def measure_ssim(pictures: Tensor, rebuilt: Tensor) -> float | None:
    """`Distortion.ssim` of one comparison."""
    return Distortion(pictures).ssim(rebuilt)


def _batch(pictures: Tensor) -> Tensor:
    return pictures.reshape(-1, *pictures.shape[-3:])


def _window_sums(values: Tensor, side: int) -> Tensor:
    """Sums over the windows of odd `side` that lie within pictures (N, C, H, W): (N, C, H - side + 1, W - side + 1)."""
    for axis in (2, 3):
        left = values.shape[axis] - side + 1
        total = values.narrow(axis, 0, left) + values.narrow(axis, 1, left)
        for place in range(2, side):
            total += values.narrow(axis, place, left)
        values = total
    return values
