"""The outlines of the sprites as signed distances: below 0 inside, above 0 outside.

Each shape has area 1 and its centre of mass at (0, 0), so that size and place mean the same for all. x runs to the
right, y down. Distances are exact near the outline and in proportion elsewhere, which is all that drawing needs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from imagewright.images.shapes.factors import SHAPES

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]
ROOT, FIFTH = np.float32(0.5**0.5), np.pi / 5
STAR_INNER = 0.52  # radius of the inner corners of the star, of that of the outer ones
SIDE, SAMPLES = 2.6, 1041  # the grid on which area and centre of mass are summed


def distance_of(shape: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The distance of points to the outline of a shape of area 1.

    shape: a number of `SHAPES`.
    x, y: float32 (...), in sides of the square of equal area.
    """
    side, centre_x, centre_y = _moments_of(shape)
    # Python numbers, which keep float32 arrays as they are.
    found: np.ndarray = RAW[SHAPES[shape]](x * side + centre_x, y * side + centre_y)
    found /= side
    return found


@cache
def _moments_of(shape: int) -> tuple[float, float, float]:
    """The root of the area and the centre of mass of a shape as it is defined below."""
    places = np.linspace(-SIDE, SIDE, SAMPLES)
    x, y = places[None], places[:, None]
    step = places[1] - places[0]
    inside = np.clip(0.5 - RAW[SHAPES[shape]](x + 0 * y, y + 0 * x) / step, 0, 1)
    total = inside.sum()
    return float(np.sqrt(total) * step), float((inside * x).sum() / total), float((inside * y).sum() / total)


def _circle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(x * x + y * y) - 1


def _box(x: np.ndarray, y: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _box(x, y, 1, 1)


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Equilateral, a corner at the top: the distance to the lowest side, or to the nearer one of the others."""
    return np.maximum(y, np.abs(x) * np.float32(0.75**0.5) - y * np.float32(0.5)) - np.float32(0.5)


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of five points: mirrored into one tenth of the plane, in which one straight edge is left."""
    normal_x, normal_y = np.float32(np.cos(FIFTH)), np.float32(np.sin(FIFTH))  # at a right angle to 36 degrees from up
    x = np.abs(x)
    for _ in range(2):
        beyond = np.maximum(x * normal_x + y * normal_y, 0) * 2
        x, y = np.abs(x - beyond * normal_x), y - beyond * normal_y
    edge = np.array([STAR_INNER * np.sin(FIFTH), 1 - STAR_INNER * np.cos(FIFTH)])  # from the outer corner (0, -1)
    along = edge / np.hypot(*edge)
    return x * np.float32(along[1]) - (y + 1) * np.float32(along[0])


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A square on its corner, and a disc on each of its upper sides."""
    across, down = (x + y) * ROOT, (y - x) * ROOT
    discs = np.minimum(across * across + (down + 1) ** 2, (across + 1) ** 2 + down * down)
    return np.minimum(_box(across, down, 1, 1), np.sqrt(discs) - 1)


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.sqrt(x * x + y * y) - np.float32(0.75)) - np.float32(0.25)


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.minimum(_box(x, y, 1, 0.36), _box(x, y, 0.36, 1))


RAW: dict[str, Distance] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "ring": _ring,
    "cross": _cross,
}
