"""Structural similarity (SSIM) of pairs of pictures, computed for whole batches.

Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to structural similarity", eq.
12 to 14: a Gaussian window of 11x11 pixels with standard deviation 1.5, K1 = 0.01, K2 = 0.03, population covariances,
and only windows that lie completely inside the picture. Colour channels are compared separately.
Shape letters: N pairs, C H W.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError
from imagewright.pixels import size_text

WINDOW = 11
DEVIATION = 1.5
K1, K2 = 0.01, 0.03
LEVELS = 255.0  # from black to white
STRIP = 54  # positions filtered by one product: a wider band matrix has more zeros, a narrower one needs more calls


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """SSIM of each pair, float64 (N,): from -1 to 1, and 1 for equal pictures.

    Equal to scikit-image's `structural_similarity` with `gaussian_weights=True`, `sigma=1.5` and
    `use_sample_covariance=False`.

    first, second: pictures, uint8 or float from 0 to 255, (N, C, H, W).

    Raises `DataError` for different shapes, and for pictures smaller than the window.
    """
    check_pair(first, second)
    luminance, contrast_structure = similarity_parts(first.double(), second.double())
    return (luminance * contrast_structure).mean((1, 2, 3))


def check_pair(first: Tensor, second: Tensor) -> None:
    """Raise `DataError` unless both batches have the same shape (N, C, H, W), at least as large as the window."""
    if first.shape != second.shape:
        raise DataError(
            f"Pictures of {shape_text(first)} against pictures of {shape_text(second)}: both must have the same size "
            "and channels. Open both at the same size and channels."
        )
    if min(first.shape[-2:]) < WINDOW:
        raise DataError(
            f"Pictures of {shape_text(first)} are smaller than the window of {WINDOW}x{WINDOW} pixels of structural "
            "similarity: open them at a larger size."
        )


def shape_text(pictures: Tensor) -> str:
    """The shape of pictures (N, C, H, W) as `96x64x3`: width, height, channels."""
    channels, height, width = pictures.shape[1:]
    return f"{size_text((height, width))}x{channels}"


def similarity_parts(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance (eq. 6), and contrast times structure (eq. 9 and 10 with C3 = C2 / 2), (N, C, H - 10, W - 10) each.

    first, second: pictures from 0 to 255, float64 (N, C, H, W): in float32 the squares of grey levels would lose the
        small variances of flat regions.
    """
    stable1, stable2 = (K1 * LEVELS) ** 2, (K2 * LEVELS) ** 2
    mean1, mean2 = _window_means(first), _window_means(second)
    squares = mean1.square() + mean2.square()
    products = mean1 * mean2
    variances = _window_means(first.square() + second.square()) - squares
    covariance = _window_means(first * second) - products
    return (2 * products + stable1) / (squares + stable1), (2 * covariance + stable2) / (variances + stable2)


def _window_means(images: Tensor) -> Tensor:
    """The Gaussian-weighted mean of each window, (N, C, H - 10, W - 10).

    Computed as products with a band matrix, for rows and then columns: several times faster in float64 than a
    convolution.
    """
    rows = torch.cat([_band(places) @ strip for places, strip in _strips(images, -2)], -2)
    return torch.cat([strip @ _band(places).T for places, strip in _strips(rows, -1)], -1)


def _strips(images: Tensor, side: int) -> list[tuple[int, Tensor]]:
    """Strips of the picture along one dimension, each with its number of window positions."""
    places = images.shape[side] - WINDOW + 1
    counts = [(start, min(STRIP, places - start)) for start in range(0, places, STRIP)]
    return [(count, images.narrow(side, start, count + WINDOW - 1)) for start, count in counts]


@cache
def _band(places: int) -> Tensor:
    """The band matrix, float64 (places, places + 10): each row holds the window, shifted by one."""
    window = np.exp(-0.5 * (np.arange(-(WINDOW // 2), WINDOW // 2 + 1) / DEVIATION) ** 2)
    matrix = np.zeros((places, places + WINDOW - 1))
    for place in range(places):
        matrix[place, place : place + WINDOW] = window / window.sum()
    return torch.from_numpy(matrix)
