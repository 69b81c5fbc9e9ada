"""Squares around an aligned face, and the pixels in them.

A square is a matrix (2, 3) from the unit square, (0, 0) to (1, 1), to pixels of the picture. Sizes of `face`, `whole`
and `head` are in units of the mean face's square, which spans the outer ends of the brows.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from imagewright.errors import ConfigError, nearest_name
from imagewright.faces.detections import Face
from imagewright.faces.landmarks import (
    FIRST,
    IDENTITY,
    MEAN_FACE,
    MESH_OF_68,
    STEADY,
    five_points,
    pairs_to_align,
    sixty_eight,
)
from imagewright.faces.similarity import apply_affine, fit_similarity, scale_of

# (side, height of the centre) of each crop: from the brows to below the chin; with the forehead; with the hair.
SQUARES = {"face": (1.6, 0.5), "whole": (2.13, 0.43), "head": (2.98, 0.3)}
CROPS = (*SQUARES, "ffhq")
HEAD_DEPTH = 0.45  # of the middle of the head behind the face, in units
IDENTITY_SIDE = 1.5  # of the crop of the identity network
INNER_SIDE = 1.1

Border = Literal["reflect", "black"]
FADE = 0.1  # of a square's side: how far a border that is made up fades into blur
GRID = 32  # places along a side at which it is seen whether a square is beyond the picture
MARGIN = 4  # pixels around a square that filters reach


def check_crop(crop: str) -> str:
    """`crop`, if it is one. Raises `ConfigError` otherwise."""
    if crop not in CROPS:
        raise ConfigError(f"There is no crop {crop!r}: expected {', '.join(CROPS)}.{nearest_name(crop, CROPS)}")
    return crop


def unit_square(face: Face) -> np.ndarray:
    """The square of the mean face in the picture: the inverse of the similarity that aligns the face."""
    points, means = pairs_to_align(face)
    return fit_similarity(means, points)


def crop_square(face: Face, crop: str) -> np.ndarray:
    """The square of a crop, one of `CROPS`. Its centre follows the head to the side if the face has depth."""
    if check_crop(crop) == "ffhq":
        return ffhq_square(five_points(face))
    side, middle = SQUARES[crop]
    return _square_around(unit_square(face), side, middle, head_shift(face))


def inner_square(face: Face) -> np.ndarray:
    """The square from the brows to the lips: skin, eyes, nose and mouth, and hardly anything beside the face."""
    return _square_around(unit_square(face), INNER_SIDE, 0.5)


def identity_square(face: Face) -> np.ndarray:
    """The square that the identity network was trained on."""
    if face.layout != "mesh":
        return _square_around(unit_square(face), IDENTITY_SIDE, 0.5)
    unit = fit_similarity(MEAN_FACE[IDENTITY - FIRST], sixty_eight(face)[IDENTITY])
    return _square_around(unit, IDENTITY_SIDE, 0.5)


def _square_around(unit: np.ndarray, side: float, middle: float, turn: float = 0.0) -> np.ndarray:
    corner = np.array([0.5 + turn - side / 2, middle - side / 2])
    return np.concatenate([unit[:, :2] * side, apply_affine(unit, corner)[:, None]], 1)


def head_shift(face: Face) -> float:
    """How far the middle of the head is to the right of the face, in units: 0 from the front, or without depth.

    The depths of the steady points rise across a turned face; the slope says how far the head is turned. In a face that
    looks to the right depth rises to the right, and the head is behind the face, at the left.
    """
    if face.layout != "mesh" or face.points.shape[1] < 3:
        return 0.0
    steady = face.points[MESH_OF_68[STEADY]]
    unit = unit_square(face)
    across = (steady[:, :2] @ unit[:, 0]) / scale_of(unit) ** 2
    down = (steady[:, :2] @ unit[:, 1]) / scale_of(unit) ** 2
    sides = np.stack([across, down, np.ones(len(steady))], 1)
    slope = np.linalg.lstsq(sides, steady[:, 2] / scale_of(unit), rcond=None)[0][0]
    return float(-HEAD_DEPTH * slope / np.sqrt(1 + slope**2))


def ffhq_square(points: np.ndarray) -> np.ndarray:
    """The square of the data set FFHQ around five points.

    Karras et al. 2017, "Progressive Growing of GANs", arXiv:1710.10196, appendix C, equation 1, as FFHQ uses it.
    """
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    between, down = points[1] - points[0], mouth - eyes
    across = between + np.array([down[1], -down[0]])  # between the eyes, and at a right angle to the way down
    across /= max(float(np.hypot(*across)), 1e-9)
    across *= max(2.0 * float(np.hypot(*between)), 1.8 * float(np.hypot(*down)))
    below = np.array([-across[1], across[0]])
    corner = eyes + 0.1 * down - across - below
    return np.stack([2 * across, 2 * below, corner], 1)


def cut_square(picture: np.ndarray, square: np.ndarray, size: int, border: Border = "reflect") -> np.ndarray:
    """The pixels in a square, uint8 (size, size, 3), resampled once: by cubic interpolation, or by area if reduced.

    picture: uint8 (H, W, 3).
    border: what is beyond the picture: its reflection, which fades into blur, or black.
    """
    ratio = scale_of(square) / size  # pixels of the picture a pixel of the crop
    factor = max(1, int(ratio))
    region, origin, beyond = _cut_region(picture, square, factor)
    region = _pad_region(region, beyond, border, fade=FADE * scale_of(square) / factor)
    matrix = square.copy()
    matrix[:, 2] -= origin
    matrix /= factor
    matrix[:, 2] += (beyond[2], beyond[0])
    finer = 2 if ratio / factor > 1 else 1
    steps = matrix.copy()
    steps[:, :2] /= size * finer
    made = Image.fromarray(region).transform(
        (size * finer, size * finer), Image.Transform.AFFINE, tuple(steps.flatten()), Image.Resampling.BICUBIC
    )
    return np.asarray(made if finer == 1 else made.reduce(finer))


def share_beyond(square: np.ndarray, height: int, width: int) -> float:
    """How much of a square is beyond a picture of (height, width), from 0 to 1."""
    steps = (np.arange(GRID) + 0.5) / GRID
    places = apply_affine(square, np.stack(np.meshgrid(steps, steps), -1))
    return float(1 - ((places >= 0) & (places <= (width, height))).all(-1).mean())


def _cut_region(
    picture: np.ndarray, square: np.ndarray, factor: int
) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int]]:
    """The part of the picture that a square needs, reduced by `factor`, its corner (x, y) in pixels of the picture, and
    what is missing above, below, left and right of the reduced part."""
    corners = apply_affine(square, np.array([(0, 0), (1, 0), (0, 1), (1, 1)], float))
    height, width = picture.shape[:2]
    low = np.floor(corners.min(0)).astype(int) - MARGIN * factor
    high = np.ceil(corners.max(0)).astype(int) + MARGIN * factor
    start = np.clip(low, 0, [width - 1, height - 1])
    end = np.clip(high, start + 1, [width, height])
    region = picture[start[1] : end[1], start[0] : end[0]]
    if factor > 1:
        region = np.asarray(Image.fromarray(np.ascontiguousarray(region)).reduce(factor))
    missing = [-(-max(0, int(each)) // factor) for each in (start[1] - low[1], high[1] - end[1])]
    missing += [-(-max(0, int(each)) // factor) for each in (start[0] - low[0], high[0] - end[0])]
    return region, start.astype(float), (missing[0], missing[1], missing[2], missing[3])


def _pad_region(region: np.ndarray, beyond: tuple[int, int, int, int], border: Border, fade: float) -> np.ndarray:
    """A region with what is missing around it: black, or its reflection, blurred more the farther it is away."""
    above, below, left, right = beyond
    if not any(beyond):
        return np.ascontiguousarray(region)
    pads = ((above, below), (left, right), (0, 0))
    if border == "black":
        return np.pad(region, pads)
    padded = np.pad(region, pads, mode="symmetric").astype(np.float32)
    distances = [_distances(length, *pad) for length, pad in zip(region.shape[:2], pads[:2], strict=True)]
    weights = np.clip(np.hypot(distances[0][:, None], distances[1]) / max(fade, 1.0), 0, 1)[..., None]
    blurred = gaussian_filter(padded, (max(fade / 4, 1.0), max(fade / 4, 1.0), 0))
    return np.round(padded + (blurred - padded) * weights).astype(np.uint8)


def _distances(length: int, before: int, after: int) -> np.ndarray:
    """How far each row is beyond the picture: 0 inside."""
    places = np.arange(-before, length + after)
    return np.maximum(np.maximum(-places, places - length + 1), 0).astype(np.float32)
