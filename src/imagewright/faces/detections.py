"""A face that was found in a picture, and the removal of faces that were found twice.

Coordinates are pixels from the upper left corner of the picture: the centre of its first pixel is (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

OVERLAP = 0.3  # intersection over union from which two boxes are one face

Layout = Literal["mesh", "blazeface", "centerface", "cascade"]


@dataclass(frozen=True, eq=False)
class Face:
    """A face.

    Attributes:
        box: (x0, y0, x1, y1).
        points: (K, 2), or (K, 3) with a depth that grows away from the camera, in pixels too.
        score: probability that this is a face, as its detector says it; 1 if it says none.
        layout: what the points are: the 468 of the mesh, those of a detector, or the five typical ones of a cascade.
    """

    box: np.ndarray
    points: np.ndarray
    score: float
    layout: Layout

    @property
    def side(self) -> float:
        """The longer side of the box."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    @property
    def area(self) -> float:
        """Pixels of the box."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    def unturned(self, quarters: int, height: int, width: int) -> Face:
        """The face in a picture of (height, width), if it was found in `np.rot90(picture, -quarters)`."""
        points, corners = self.points.copy(), self.box.reshape(2, 2).copy()
        for places in (points, corners):
            for turn in reversed(range(quarters % 4)):
                # A quarter turn to the right moved (x, y) to (height - y, x).
                before = width if turn % 2 else height
                places[:, 0], places[:, 1] = places[:, 1].copy(), before - places[:, 0]
        return replace(self, box=np.concatenate([corners.min(0), corners.max(0)]), points=points)


class FaceFinder(Protocol):
    """Finds the faces of a picture."""

    name: str
    notes: Sequence[str]
    """Sentences for the user, such as on what this finder cannot do."""

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces of a picture, uint8 (H, W, 3), the largest first."""


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,) with each of (K, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), 1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], 1)
    return shared / np.maximum(np.prod(box[2:] - box[:2]) + areas - shared, 1e-9)


def suppress_overlapping(faces: Sequence[Face], overlap: float = OVERLAP) -> list[Face]:
    """Non-maximum suppression: of faces whose boxes overlap, the one with the highest score. The largest first."""
    left = sorted(faces, key=lambda face: -face.score)
    found: list[Face] = []
    while left:
        best, left = left[0], left[1:]
        found.append(best)
        if left:
            shared = overlaps(best.box, np.stack([face.box for face in left]))
            left = [face for face, each in zip(left, shared, strict=True) if each <= overlap]
    return sorted(found, key=lambda face: -face.area)


def merge_overlapping(
    boxes: np.ndarray, points: np.ndarray, scores: np.ndarray, overlap: float = OVERLAP
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Box, points and score of each face: the means, by score, over the boxes that overlap the best one.

    The blending of BlazeFace (section 4.3 of its paper): it shakes less than the best box alone.
    """
    found = []
    left = np.argsort(-scores, kind="stable")
    while len(left):
        same = overlaps(boxes[left[0]], boxes[left]) > overlap
        same[0] = True
        group = left[same]
        weights = scores[group] / scores[group].sum()
        found.append(
            (
                np.tensordot(weights, boxes[group], 1),
                np.tensordot(weights, points[group], 1),
                float(scores[left[0]]),
            )
        )
        left = left[~same]
    return found
