"""Faces of a person from pictures, a face set or a video: their identities, and crops to compare swapped faces with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.face_swap.check.frame_pairs import Frames
from imagewright.face_swap.face_sets import FaceSet, is_face_set, read_face_set
from imagewright.face_swap.measures.realism import cut_inner
from imagewright.faces.detections import Face
from imagewright.faces.landmarks import sixty_eight
from imagewright.images.selection import even_places
from imagewright.images.single import read_picture
from imagewright.pretrained.faces.finder import NetworkFinder, open_face_finder
from imagewright.pretrained.faces.networks import identify
from imagewright.progress import Progress, ProgressCounter

MOST = 100  # faces, at even distances

Found = tuple[np.ndarray, np.ndarray]
"""An identity (128,), and the inner face."""


@dataclass(frozen=True, eq=False)
class ReferenceFaces:
    """Faces of a person.

    Attributes:
        identities: (K, 128).
        crops: the inner faces, uint8 (K, S, S, 3).
        notes: sentences for the user.
    """

    identities: np.ndarray
    crops: np.ndarray
    notes: tuple[str, ...] = ()


def read_reference_faces(source: Any, progress: Progress | None = None) -> ReferenceFaces:
    """The faces of at most 100 pictures at even distances; of each picture the largest.

    source: a face set, whose records are read, or any other pictures or video of the person.
    Raises `DataError` if no picture has a face.
    """
    notes: list[str] = []
    if isinstance(source, str | Path) and is_face_set(source):
        faces = read_face_set(source)
        notes += faces.notes()
        name, total, found = str(source), len(faces), _of_face_set(faces, progress)
    else:
        frames = Frames(source)
        name, total, found = frames.name, len(frames), _of_frames(frames, progress)
    pairs = list(found)
    looked_at = min(MOST, total)
    if not pairs:
        raise DataError(f"No face was found in {count_text(looked_at, 'picture')} of {name}.")
    if len(pairs) < looked_at:
        missing = looked_at - len(pairs)
        notes.append(f"No face was found in {missing:,} of {count_text(looked_at, 'picture')} of {name}.")
    identities, crops = zip(*pairs, strict=True)
    return ReferenceFaces(np.stack(identities), np.stack(crops), tuple(notes))


def _of_face_set(faces: FaceSet, progress: Progress | None) -> Iterator[Found]:
    chosen = even_places(len(faces), MOST).tolist()
    counter = ProgressCounter(len(chosen), progress)
    for number in chosen:
        counter.advance()
        face = faces.faces[number]
        points, identity = face.record.points_in_crop(), face.record.identity
        if points is None or identity is None:
            continue
        pixels = read_picture(face.path, 3).permute(1, 2, 0).contiguous().numpy()
        yield identity, cut_inner(pixels, points * pixels.shape[:2][::-1])


def _of_frames(frames: Frames, progress: Progress | None) -> Iterator[Found]:
    chosen = set(even_places(len(frames), MOST).tolist())
    counter = ProgressCounter(len(chosen), progress)
    near, any_size = NetworkFinder(small=False), open_face_finder("networks")
    for frame in frames:
        if frame.number not in chosen:
            continue
        counter.advance()
        faces = _with_mesh(near.find(frame.pixels)) or _with_mesh(any_size.find(frame.pixels))
        if faces:
            yield identify(frame.pixels, faces[:1])[0], cut_inner(frame.pixels, sixty_eight(faces[0]))


def _with_mesh(faces: list[Face]) -> list[Face]:
    return [face for face in faces if face.layout == "mesh"]
