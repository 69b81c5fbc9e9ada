"""Single pictures and frames with a swapped face, to try options on before footage is converted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.face_crops.turning import find_turned
from imagewright.face_swap.convert.choosing import HOW_TO_CHOOSE, choose_tracks, person_text, record_of_swap
from imagewright.face_swap.convert.finding import TrackFacts
from imagewright.face_swap.convert.pictures import identities_of, swap_picture
from imagewright.face_swap.convert.swapping import FaceSwapper
from imagewright.face_swap.convert.video import open_sdr
from imagewright.face_swap.people import Person
from imagewright.faces.detections import Face, FaceFinder
from imagewright.output.provenance import Record


@dataclass(frozen=True, eq=False)
class FoundStill:
    """A picture, and those of its faces that are swapped.

    Attributes:
        picture: uint8 (H, W, 3).
        name: of the picture, or of the video that it is a frame of.
        faces: that are swapped.
        others: faces that stay as they are.
        moving: whether it is a frame of a video, in which less is sharpened.
        person: who is replaced, for the record.
        notes: sentences for the user.
    """

    picture: np.ndarray
    name: str
    faces: list[Face]
    others: int = 0
    moving: bool = False
    person: str | None = None
    notes: list[str] = field(default_factory=list)


def find_still(
    picture: np.ndarray,
    name: str,
    finder: FaceFinder,
    person: Person | None = None,
    *,
    everyone: bool = False,
    moving: bool = False,
    how: str = HOW_TO_CHOOSE,
) -> FoundStill:
    """The faces of a picture uint8 (H, W, 3) that are swapped; none if there is no face of the person, which is noted.

    person: who is replaced; None for the one who is there.
    everyone: replace every face.
    moving: whether it is a frame of a video.
    how: how another person is chosen, for the notes.
    """
    faces = find_turned(finder, picture)[1]
    try:
        facts = dict(enumerate(facts_of(picture, faces, finder)))
        chosen, notes = choose_tracks(facts, person, name, everyone=everyone, how=how)
    except DataError as error:
        return FoundStill(picture, name, [], len(faces), moving, notes=[str(error)])
    kept = [face for place, face in enumerate(faces) if place in chosen]
    who = person_text(person, everyone)
    return FoundStill(picture, name, kept, len(faces) - len(kept), moving, who, list(notes))


def facts_of(picture: np.ndarray, faces: list[Face], finder: FaceFinder) -> Iterator[TrackFacts]:
    """The facts of each face of one picture, by which the person is chosen."""
    for face, identity in zip(faces, identities_of(picture, faces, finder), strict=True):
        yield TrackFacts(1, face.side, None if identity is None else np.array(identity))


def swap_still(swapper: FaceSwapper, still: FoundStill) -> tuple[np.ndarray, Record]:
    """The picture with its faces swapped, uint8 (H, W, 3), and its provenance record."""
    record = record_of_swap(swapper, still.name, still.person)
    return swap_picture(swapper, still.picture, still.faces, moving=still.moving), record


def frame_of(video: Path, share: float) -> np.ndarray:
    """A frame of a video, uint8 (H, W, 3), after a share of its length from 0 to 1. Raises `DataError` for HDR."""
    footage = open_sdr(video)
    return footage.frame_near(share * max(0, footage.count - 1) / float(footage.rate)).picture
