"""Faces by the LBP cascade of scikit-image: upright frontal faces, without weights to fetch.

Liao et al. 2007, "Learning Multi-scale Block Local Binary Patterns for Face Recognition"; the trained file is OpenCV's,
in scikit-image.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from imagewright.faces.detections import Face, suppress_overlapping
from imagewright.faces.landmarks import CASCADE_FIVE

LONGEST = 480  # pixels of the longer side of the picture that is searched
LEAST_SHARE = 10  # a face is at least this part of the shorter side
LEAST_SIDE = 24  # pixels: what the cascade was trained on
STEP, SCALE = 1.0, 1.15
LOST = (
    "Faces are found by the cascade of scikit-image, because the networks' weights are not there: faces from the side, "
    "turned or small ones are missed, things are taken for faces, and without points of the eyes crops are not turned "
    "upright and vary in scale. `imagewright weights get faces` fetches the weights."
)


class CascadeFinder:
    """Finds upright frontal faces; their points are the typical places in a box."""

    name = "cascade"

    def __init__(self, notes: Sequence[str] = (LOST,)) -> None:
        self.notes = notes

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces of a picture, uint8 (H, W, 3), the largest first."""
        height, width = picture.shape[:2]
        factor = min(1.0, LONGEST / max(height, width))
        sides = (max(1, round(width * factor)), max(1, round(height * factor)))
        small = np.asarray(Image.fromarray(picture).resize(sides, Image.Resampling.BILINEAR, reducing_gap=2.0))
        least = max(LEAST_SIDE, min(sides) // LEAST_SHARE)
        if min(sides) < least:
            return []
        found = self._cascade.detect_multi_scale(
            img=small, scale_factor=SCALE, step_ratio=STEP, min_size=(least, least), max_size=(min(sides), min(sides))
        )
        return suppress_overlapping([_face(each, factor) for each in found])

    @cached_property
    def _cascade(self) -> Any:
        from skimage.data import lbp_frontal_face_cascade_filename
        from skimage.feature import Cascade

        return Cascade(lbp_frontal_face_cascade_filename())


def _face(found: dict[str, int], factor: float) -> Face:
    corner = np.array([found["c"], found["r"]]) / factor
    sides = np.array([found["width"], found["height"]]) / factor
    return Face(np.concatenate([corner, corner + sides]), corner + CASCADE_FIVE * sides, 1.0, "cascade")
