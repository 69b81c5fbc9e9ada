"""The common colours of pictures, such as those of painted label maps; and pictures in the colours of a palette."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STEP = 16  # levels: colours are counted in cubes of this side first
NEAR = 64  # levels: colours that differ by less in every channel count as one
LEAST_SHARE = 0.004  # of all pixels, for a colour to count
CUBES = 256  # the fullest cubes that are looked at
BETWEEN, RARER = 48, 0.25  # a rarer colour so near to the line between two commoner ones is a mixture at their border


def common_colours(pictures: Sequence[np.ndarray], most: int = 12) -> np.ndarray:
    """The common colours of pictures that differ plainly, the commonest first: uint8 (K, 3), K from 1 to `most`.

    A colour is the median of the fullest cube of its neighbourhood: of a painted map that was saved as JPEG it is the
    colour that was painted.

    pictures: uint8 (H, W, C) each; C is 1, 3 or 4, of which the fourth is passed over.
    """
    pixels = np.concatenate([_colours(each).reshape(-1, 3) for each in pictures])
    cubes = (pixels // STEP).astype(np.int64) @ np.array([256, 16, 1])
    _, places, counts = np.unique(cubes, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:CUBES]
    found: list[np.ndarray] = []
    shares: list[float] = []
    for cube in order.tolist():
        colour = np.median(pixels[places == cube], axis=0)
        distances = [np.abs(colour - each).max() for each in found]
        share = counts[cube] / len(pixels)
        if distances and min(distances) < NEAR:
            shares[int(np.argmin(distances))] += share
        else:
            found.append(colour)
            shares.append(share)
    chosen: list[int] = []
    for place in sorted(range(len(found)), key=lambda place: -shares[place]):
        commoner = [found[each] for each in chosen if shares[place] < RARER * shares[each]]
        if shares[place] >= LEAST_SHARE and len(chosen) < most and not _is_mixture(found[place], commoner):
            chosen.append(place)
    return np.array([found[place] for place in chosen or [0]]).round().astype(np.uint8)


def _is_mixture(colour: np.ndarray, others: list[np.ndarray]) -> bool:
    """Whether a colour lies between two of the others."""
    for place, one in enumerate(others):
        for other in others[:place]:
            way = other - one
            share = float(np.clip((colour - one) @ way / (way @ way), 0, 1))
            if np.abs(one + share * way - colour).max() < BETWEEN:
                return True
    return False


def nearest_colours(picture: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The place in the palette of the colour nearest to each pixel: uint8 (H, W).

    picture: uint8 (H, W, C).
    palette: uint8 (K, 3), K up to 256.
    """
    pixels = _colours(picture)
    distinct, places = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    nearest = np.empty(len(distinct), np.uint8)
    for start in range(0, len(distinct), 4096):  # a photo has very many: in flat memory
        differences = distinct[start : start + 4096, None].astype(np.int64) - palette[None].astype(np.int64)
        nearest[start : start + 4096] = np.square(differences).sum(2).argmin(1)
    return nearest[places].reshape(pixels.shape[:2])


def _colours(picture: np.ndarray) -> np.ndarray:
    """Three channels."""
    return picture[..., :3] if picture.shape[2] >= 3 else np.repeat(picture[..., :1], 3, axis=2)
