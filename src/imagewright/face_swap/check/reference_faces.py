"""Faces of a person from pictures, a face set or a video: their identities, and crops to compare swapped faces with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.face_swap.check.frame_pairs import Frames
from imagewright.face_swap.measures.realism import CROP, SIDE
from imagewright.faces.crops import crop_square, cut_square
from imagewright.pretrained.faces.finder import open_face_finder
from imagewright.pretrained.faces.networks import identify
from imagewright.progress import Progress, ProgressCounter

MOST = 100  # faces, at even distances


@dataclass(frozen=True, eq=False)
class ReferenceFaces:
    """Faces of a person.

    Attributes:
        identities: (K, 128).
        crops: uint8 (K, S, S, 3).
        notes: sentences for the user.
    """

    identities: np.ndarray
    crops: np.ndarray
    notes: tuple[str, ...] = ()


def read_reference_faces(source: Any, progress: Progress | None = None) -> ReferenceFaces:
    """The largest face of each picture, of at most 100 pictures at even distances.

    source: a face set, or any other pictures or video of the person.
    Raises `DataError` if no picture has a face.
    """
    frames = Frames(source)
    chosen = set(np.unique(np.linspace(0, len(frames) - 1, min(MOST, len(frames))).round().astype(int)).tolist())
    finder = open_face_finder("networks")
    identities, crops = [], []
    counter = ProgressCounter(len(chosen), progress)
    for frame in frames:
        if frame.number not in chosen:
            continue
        counter.advance()
        faces = finder.find(frame.pixels)
        if faces:
            identities.append(identify(frame.pixels, faces[:1])[0])
            crops.append(cut_square(frame.pixels, crop_square(faces[0], CROP), SIDE))
    if not identities:
        raise DataError(f"No face was found in {count_text(len(chosen), 'picture')} of {frames.name}.")
    missing = len(chosen) - len(identities)
    note = f"No face was found in {missing:,} of {count_text(len(chosen), 'picture')} of {frames.name}."
    return ReferenceFaces(np.stack(identities), np.stack(crops), (note,) if missing else ())
