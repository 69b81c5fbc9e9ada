"""Pairs of frames that the figure of a check shows: a few at even distances, cut to the face and what is around it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from imagewright.face_swap.check.face_pairs import FacePair
from imagewright.face_swap.check.frame_pairs import Frame
from imagewright.faces.crops import cut_square
from imagewright.faces.detections import Face

SHOWN = 8  # pairs
SIDE = 224  # pixels
AROUND = 2.2  # side of what is shown, in sides of the face's box


@dataclass(frozen=True, eq=False)
class ShownPair:
    """The place of a pair among all, and both crops, uint8 (S, S, 3), of one part of the frames."""

    place: int
    name: str
    swapped: np.ndarray
    original: np.ndarray


@dataclass
class ShownPairs:
    """Keeps pairs at even distances.

    count: pairs that are expected.
    """

    count: int
    pictures: list[ShownPair] = field(default_factory=list)

    def add(self, place: int, swapped: Frame, original: Frame, faces: FacePair | None) -> None:
        """Keep a pair if one is due and it shows the face."""
        due = (place + 0.5) * SHOWN / max(self.count, 1) >= len(self.pictures)
        if faces is None or not due or len(self.pictures) >= SHOWN:
            return
        square = _part_around(faces.original, *original.pixels.shape[:2])
        ours, theirs = (cut_square(frame.pixels, square, SIDE, "black") for frame in (swapped, original))
        self.pictures.append(ShownPair(place, original.name, ours, theirs))


def _part_around(face: Face, height: int, width: int) -> np.ndarray:
    """A square (2, 3) around a face, as far as it can be inside of a picture of (height, width)."""
    side = min(AROUND * face.side, float(min(height, width)))
    corner = (face.box[:2] + face.box[2:]) / 2 - side / 2
    corner = np.clip(corner, 0, [width - side, height - side])
    return np.array([[side, 0, corner[0]], [0, side, corner[1]]])
