"""The rings of pixels on both sides of the edge of a mask, and wide averages over them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from imagewright.faces.masks import face_size

RING = 0.06  # width of a ring, as a share of the face's size
INNER, OUTER = 0.9, 0.1  # the mask from which on a pixel is the new face's own, and up to which it is the frame's own


def ring_width(mask: np.ndarray) -> float:
    """The width in pixels of the rings beside the edge of a mask: 0.06 of the face's size, and 2 at least."""
    return max(2.0, RING * face_size(mask))


def edge_rings(mask: np.ndarray, width: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The pixels on both sides of the edge of a mask: two boolean arrays (H, W), inside and outside.

    What lies between them is mixed from both pictures, and in neither.

    width: of each ring in pixels; None for `ring_width`.
    """
    width = ring_width(mask) if width is None else width
    return inner_ring(mask, width), _border_of(mask <= OUTER, width)


def inner_ring(mask: np.ndarray, width: float) -> np.ndarray:
    """The first of `edge_rings` alone."""
    return _border_of(mask >= INNER, width)


def _border_of(kept: np.ndarray, width: float) -> np.ndarray:
    """The pixels of a set that are no farther than `width` from what is not in it."""
    if kept.all():
        return np.zeros_like(kept)
    ring: np.ndarray = kept & (distance_transform_edt(kept) <= width)
    return ring


def block_sums(values: np.ndarray, block: int) -> np.ndarray:
    """Sums of values (H, W, C) over blocks of pixels; what is missing at the end counts as 0."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((0, -height % block), (0, -width % block), (0, 0)))
    rows, columns = padded.shape[0] // block, padded.shape[1] // block
    sums: np.ndarray = padded.reshape(rows, block, columns, block, -1).sum((1, 3))
    return sums
