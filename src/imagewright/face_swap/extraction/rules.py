"""Which of the found faces are kept: those that are large enough, that look like a face, and of the people wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.face_swap.people import Person
from imagewright.faces.crops import inner_square, share_beyond, unit_square
from imagewright.faces.detections import Face
from imagewright.faces.identities import SAME_PERSON
from imagewright.faces.landmarks import FIRST, MEAN_FACE, five_points, sixty_eight
from imagewright.faces.similarity import apply_affine, invert_affine

LEAST_SHARE = 0.03  # of the shorter side of the picture, for the longer side of the box
MOST_SHARE = 4.0
MOST_DEVIATION = 0.4  # mean absolute difference of the aligned points to the mean face, in its square
MOST_BEYOND = 0.25  # of the square from the brows to the lips
BROWS_AND_EYES = np.array([*range(17, 27), *range(36, 48)])
MOUTH = np.arange(48, 68)

TOO_LARGE = "larger than four times the picture"
CUT_OFF = "of which more than a quarter is beyond the edge of the picture"
MISSHAPEN = "whose points are far from a face's"
UPSIDE_DOWN = "with the mouth above the eyes"
OTHERS = "of other people than --person"
UNWANTED = "of the people of --not"


def too_small(min_size: int) -> str:
    """The reason of faces that are too small."""
    return f"smaller than {min_size} pixels or {LEAST_SHARE:.0%} of the picture"


def fault_of(face: Face, height: int, width: int, min_size: int) -> str | None:
    """Why a face of a picture (height, width) is left out, or None if it is kept."""
    shorter = min(height, width)
    if face.side < max(min_size, LEAST_SHARE * shorter):
        return too_small(min_size)
    if face.side > MOST_SHARE * shorter:
        return TOO_LARGE
    if share_beyond(inner_square(face), height, width) > MOST_BEYOND:
        return CUT_OFF
    aligned = invert_affine(unit_square(face))
    if face.layout != "mesh":
        five = apply_affine(aligned, five_points(face))
        return UPSIDE_DOWN if five[:2, 1].max() > five[3:, 1].min() else None
    points = apply_affine(aligned, sixty_eight(face))
    if np.abs(points[FIRST:] - MEAN_FACE).mean() > MOST_DEVIATION:
        return MISSHAPEN
    return UPSIDE_DOWN if points[BROWS_AND_EYES, 1].max() > points[MOUTH, 1].min() else None


@dataclass(frozen=True)
class WantedPeople:
    """People of whom faces are kept, all if there are none, and people of whom none is kept."""

    kept: Sequence[Person] = ()
    dropped: Sequence[Person] = ()

    def fault_of(self, identity: np.ndarray) -> str | None:
        """Why a face of this identity (128,) is left out, or None if it is kept."""
        near = min((person.distance(identity) for person in self.kept), default=SAME_PERSON)
        if self.kept and near >= SAME_PERSON:
            return OTHERS
        if any(person.distance(identity) < near for person in self.dropped):
            return UNWANTED
        return None

    def notes(self) -> list[str]:
        return [note for person in (*self.kept, *self.dropped) for note in person.notes]
