"""Signed values as pictures: what a component adds and takes away."""

from __future__ import annotations

import numpy as np

CUT = 0.997  # of the absolute values are within the scale: a few extreme pixels would leave the rest pale


def signed_pixels(values: np.ndarray, scale: float | None = None) -> np.ndarray:
    """Values (N, C, H, W) around zero as uint8 pictures (N, 1 or 3, H, W): mid-grey is 0, white adds, black takes.

    Three or four channels: red, green and blue each so, the fourth left out. `scale`: the value that becomes white; by
    default each picture has its own.
    """
    values = np.asarray(values, np.float64)[:, :3]
    if scale is None:
        sizes = np.abs(values)
        largest = np.quantile(sizes, CUT, axis=(1, 2, 3), keepdims=True)
        largest = np.where(largest > 0, largest, sizes.max(axis=(1, 2, 3), keepdims=True))
        values = values / np.where(largest > 0, largest, 1)
    else:
        values = values / scale
    return np.round((values.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
