"""Signed values as grey pictures, such as the weights of a principal component."""

from __future__ import annotations

import numpy as np

QUANTILE = 0.997  # of the absolute values becomes white: a few extreme pixels would leave the others pale


def signed_pixels(values: np.ndarray, scale: float | None = None) -> np.ndarray:
    """Map signed values to uint8 pictures (N, 1 or 3, H, W): 0 is mid-grey, positive lighter, negative darker.

    values: (N, C, H, W). Of four channels the fourth, transparency, is left out; each channel is mapped by itself.
    scale: the value that becomes white; by default the 0.997 quantile of each picture's absolute values.
    """
    values = np.asarray(values, np.float64)[:, :3]
    if scale is None:
        sizes = np.abs(values)
        largest = np.quantile(sizes, QUANTILE, axis=(1, 2, 3), keepdims=True)
        largest = np.where(largest > 0, largest, sizes.max(axis=(1, 2, 3), keepdims=True))
        values = values / np.where(largest > 0, largest, 1)
    else:
        values = values / scale
    return np.round((values.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
