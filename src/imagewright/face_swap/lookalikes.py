"""Faces of a set that look alike: consecutive frames, and copies of a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from imagewright.face_swap.face_sets import FaceSet
from imagewright.images.decoding.opening import open_picture, read_encoded

SAME_POINTS = 0.003  # mean difference of the points in sides of the crop,
SAME_PIXELS = 4.0  # and of the inner pixels, reduced to 16x16, of 255, below which two faces look alike
INNER_SIDE = 16


def part_lookalikes(faces: FaceSet) -> tuple[list[int], list[int]]:
    """The places of the faces of which none looks like another, and of those that look like a sharper one of them."""
    looks = FaceLooks(faces)
    kept: list[int] = []
    others: list[int] = []
    for place in sharpest_first(faces, range(len(faces))):
        (others if looks.is_near_any(place, kept) else kept).append(place)
    return sorted(kept), sorted(others)


def sharpest_first(faces: FaceSet, places: Sequence[int]) -> list[int]:
    """Places of faces by their sharpness."""
    return sorted(places, key=lambda place: -faces.records[place].sharpness)


class FaceLooks:
    """Tells the faces of a set that look alike by their points in the crop, and the pixels of its inner half."""

    def __init__(self, faces: FaceSet) -> None:
        self._faces = faces
        self._points = np.zeros((len(faces), 136), np.float32)
        for row, record in zip(self._points, faces.records, strict=True):
            points = record.points_in_crop()
            if points is not None:
                row[:] = points.ravel()
        self._pixels: dict[int, np.ndarray] = {}

    def is_near_any(self, place: int, others: Sequence[int]) -> bool:
        """Whether a face looks like one of others."""
        if not others:
            return False
        near = np.abs(self._points[list(others)] - self._points[place]).mean(1) < SAME_POINTS
        return any(
            np.abs(self._pixels_of(others[number]) - self._pixels_of(place)).mean() < SAME_PIXELS
            for number in np.flatnonzero(near).tolist()
        )

    def _pixels_of(self, place: int) -> np.ndarray:
        if place not in self._pixels:
            with open_picture(read_encoded(self._faces.faces[place].path)) as picture:
                side = picture.width
                inner = (side * 0.25, side * 0.25, side * 0.75, side * 0.75)
                small = picture.convert("RGB").resize((INNER_SIDE, INNER_SIDE), Image.Resampling.BOX, box=inner)
            self._pixels[place] = np.asarray(small).astype(np.float32)
        return self._pixels[place]
