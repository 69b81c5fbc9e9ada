"""The label maps of the parts of faces as a source of pictures, drawn from the records when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from imagewright.face_swap.face_sets import FaceFile
from imagewright.faces.parts import PARTS, draw_parts, draw_typical_parts
from imagewright.faces.records import FaceRecord
from imagewright.images.sources.base import Picture, PictureSource, digest

KIND = f"labels:{len(PARTS)}"
VERSION = "1"  # of the drawing: prepared maps of another version are drawn anew


class PartsSource(PictureSource):
    """A map of parts for each face, of the side of its crop. Its pictures have the names of the crops."""

    follows = True

    def __init__(self, typed: str, faces: Sequence[FaceFile]) -> None:
        super().__init__(typed)
        self._faces = list(faces)

    def __len__(self) -> int:
        return len(self._faces)

    def name(self, index: int) -> str:
        return self._faces[index].name

    @cached_property
    def identity(self) -> str:
        return digest("parts", VERSION, *(part for face in self._faces for part in _what_decides(face)))

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        return (_draw(self._faces[index].record)[..., None] for index in indices)


def _what_decides(face: FaceFile) -> tuple[str | np.ndarray, ...]:
    points, oval = face.record.points_in_crop(), face.record.oval_in_crop()
    drawn = f"{face.name} {face.record.crop} {face.record.size}"
    return (drawn,) if points is None or oval is None else (drawn, points, oval)


def _draw(record: FaceRecord) -> np.ndarray:
    """The parts by the points of the mesh; of a face without them, those of a typical face."""
    points, oval = record.points_in_crop(), record.oval_in_crop()
    if points is None or oval is None:
        return draw_typical_parts(record.crop, record.size)
    return draw_parts(points, oval, record.size)
