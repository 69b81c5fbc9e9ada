"""Faces of consecutive frames that belong together, and cuts between shots. Imaging only; identities come from outside.

Shape letters: H W frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.optimize import linear_sum_assignment

from imagewright.faces.detections import Face, overlaps

LEAST_OVERLAP = 0.25  # intersection over union of a face's boxes in two frames
THUMBNAIL = (32, 24)  # width and height of what frames are compared by
CUT = 24.0  # mean absolute difference of thumbnails, of 255, from which a frame begins another shot


def match_faces(before: Sequence[Face], now: Sequence[Face]) -> list[tuple[int, int]]:
    """Pairs (place in `before`, place in `now`) of faces that overlap, so that the sum of overlaps is the largest."""
    if not before or not now:
        return []
    boxes = np.stack([face.box for face in now])
    shared = np.stack([overlaps(face.box, boxes) for face in before])
    rows, columns = linear_sum_assignment(-shared)
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if shared[row, column] >= LEAST_OVERLAP
    ]


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """A frame, uint8 (H, W, 3), reduced to what cuts are seen by: float (24, 32, 3)."""
    small = Image.fromarray(picture).resize(THUMBNAIL, Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small).astype(np.float32)


def difference(before: np.ndarray, now: np.ndarray) -> float:
    """The mean absolute difference of two thumbnails."""
    return float(np.abs(before - now).mean())


def between(first: Face, last: Face, share: float) -> Face:
    """The face on the way from one to the other, of the same layout, by linear interpolation."""
    box = first.box + share * (last.box - first.box)
    points = first.points + share * (last.points - first.points)
    return Face(box, points, min(first.score, last.score), first.layout)
