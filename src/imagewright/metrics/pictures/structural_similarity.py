"""Structural similarity of pairs of pictures, many at a time.

Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to structural similarity", eq.
12 to 14: a Gaussian window of 11x11 pixels with a deviation of 1.5, K1 = 0.01, K2 = 0.03, population covariances, and
only windows that lie whole in the picture. Colours are compared each for itself.
Shape letters: N pairs, C H W.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError

WINDOW = 11
DEVIATION = 1.5
K1, K2 = 0.01, 0.03
LEVELS = 255.0  # from black to white
STRIP = 54  # places that one product filters: a wider matrix has more zeros, a narrower one more calls


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """SSIM of each pair, float64 (N,): at most 1, for equal pictures. Pictures uint8 or float 0 to 255, (N, C, H, W).

    Equal to scikit-image's `structural_similarity` with `gaussian_weights`, `sigma=1.5` and without
    `use_sample_covariance`. Raises `DataError` for unlike shapes, or pictures smaller than the window.
    """
    check_pair(first, second)
    luminance, contrast_structure = similarity_parts(first.double(), second.double())
    return (luminance * contrast_structure).mean((1, 2, 3))


def check_pair(first: Tensor, second: Tensor) -> None:
    """Raise `DataError` unless both are (N, C, H, W) of one shape, with room for a window."""
    if first.shape != second.shape:
        raise DataError(
            f"Pictures of {said(first)} against pictures of {said(second)}: a pair must have one size and one number "
            "of channels. Open both at the same size and channels."
        )
    if min(first.shape[-2:]) < WINDOW:
        raise DataError(
            f"Pictures of {said(first)} are smaller than the window of {WINDOW}x{WINDOW} pixels that structural "
            "similarity looks through: open them at a larger size."
        )


def said(pictures: Tensor) -> str:
    """`64x64x3`, of pictures (N, C, H, W): height, width, channels."""
    channels, height, width = pictures.shape[1:]
    return f"{height}x{width}x{channels}"


def similarity_parts(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance (eq. 6), and contrast times structure (eq. 9 and 10 with C3 = C2 / 2), (N, C, H - 10, W - 10) each.

    Pictures float64 (N, C, H, W) from 0 to 255: in float32, squares of grey levels lose what flat places differ by.
    """
    stable1, stable2 = (K1 * LEVELS) ** 2, (K2 * LEVELS) ** 2
    mean1, mean2 = _windowed(first), _windowed(second)
    squares = mean1.square() + mean2.square()
    products = mean1 * mean2
    variances = _windowed(first.square() + second.square()) - squares
    covariance = _windowed(first * second) - products
    return (2 * products + stable1) / (squares + stable1), (2 * covariance + stable2) / (variances + stable2)


def _windowed(images: Tensor) -> Tensor:
    """The Gaussian mean around each place where the window fits: (N, C, H - 10, W - 10).

    As products with a banded matrix, for rows and then columns: several times faster in float64 than a convolution.
    """
    rows = torch.cat([_band(places) @ strip for places, strip in _strips(images, -2)], -2)
    return torch.cat([strip @ _band(places).T for places, strip in _strips(rows, -1)], -1)


def _strips(images: Tensor, side: int) -> list[tuple[int, Tensor]]:
    """The picture in strips along a side, with how many places each gives."""
    places = images.shape[side] - WINDOW + 1
    counts = [(start, min(STRIP, places - start)) for start in range(0, places, STRIP)]
    return [(count, images.narrow(side, start, count + WINDOW - 1)) for start, count in counts]


@cache
def _band(places: int) -> Tensor:
    """float64 (places, places + 10): the window, moved on by one from row to row."""
    window = np.exp(-0.5 * (np.arange(-(WINDOW // 2), WINDOW // 2 + 1) / DEVIATION) ** 2)
    matrix = np.zeros((places, places + WINDOW - 1))
    for place in range(places):
        matrix[place, place : place + WINDOW] = window / window.sum()
    return torch.from_numpy(matrix)
