"""The edge of a pasted face: the rings beside it, and how far it can be seen, by steps in colour and in sharpness.

A face that was never touched has steps there too, between skin and hair or background: compare with the same mask over
the original footage.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from imagewright.faces.detail import detail_energy, detail_sigma, fine_detail
from imagewright.faces.masks import face_size

RING = 0.06  # width of a ring, as a share of the face's size
INNER, OUTER = 0.9, 0.1  # the mask from which on a pixel is the new face's own, and up to which it is the frame's own
LEAST_ENERGY = np.square(0.25 / 255)  # of rounding to 8 bits


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


def colour_step(picture: np.ndarray, mask: np.ndarray) -> float:
    """How much colours differ across the edge of a mask, in units of CIE Lab: 2 can be seen in a direct comparison.

    At each place of the edge, the means of the rings inside and outside near it (Gaussian weights, sigma: the width of
    a ring) are compared; the result is the mean distance over the edge. NaN if the mask has no edge in the picture.

    picture: RGB (H, W, 3), uint8 or float from 0 to 1.
    """
    from skimage.color import rgb2lab

    around = _around_edge(mask)
    if around is None:
        return float("nan")
    width = ring_width(mask)
    rings = edge_rings(mask[around], width)
    lab = rgb2lab(_as_float(picture[around]))
    # Wide Gaussians are taken of sums over blocks.
    block = max(1, int(width / 3))
    near, means = [], []
    for ring in rings:
        sums = block_sums(np.concatenate([lab * ring[..., None], ring[..., None]], -1, dtype=np.float32), block)
        spread = gaussian_filter(sums, (width / block, width / block, 0), mode="constant", truncate=3.0)
        near.append(spread[..., 3] / block**2)
        means.append(spread[..., :3] / np.maximum(spread[..., 3:], 1e-9))
    edge = np.minimum(*near) > 0.02
    if not edge.any():
        return float("nan")
    return float(np.linalg.norm(means[0] - means[1], axis=-1)[edge].mean())


def sharpness_step(picture: np.ndarray, mask: np.ndarray) -> float:
    """How many times sharper a picture is inside the edge of a mask than outside of it, as a logarithm to base 2.

    0 for the same amplitude of fine detail (`detail.py`) in both rings, -1 for half of it inside. NaN if the mask has
    no edge in the picture.

    picture: RGB (H, W, 3), uint8 or float from 0 to 1.
    """
    around = _around_edge(mask)
    if around is None:
        return float("nan")
    detail = fine_detail(_as_float(picture[around]), detail_sigma(face_size(mask)))
    rings = edge_rings(mask[around], ring_width(mask))
    energies = [detail_energy(detail, ring.astype(np.float32)) for ring in rings]
    return float(np.log2(max(energies[0], LEAST_ENERGY) / max(energies[1], LEAST_ENERGY)) / 2)


def _around_edge(mask: np.ndarray) -> tuple[slice, slice] | None:
    """The part of a picture that holds both rings, with room for filters; None if one of them is empty."""
    places = np.argwhere(mask > OUTER)
    if not len(places) or len(places) == mask.size or not (mask >= INNER).any():
        return None
    room = int(np.ceil(4 * ring_width(mask)))
    low = np.maximum(places.min(0) - room, 0)
    high = places.max(0) + 1 + room
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _as_float(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32) / 255 if picture.dtype == np.uint8 else picture.astype(np.float32)
