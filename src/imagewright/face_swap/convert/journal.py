"""What is known of each frame, in a file that grows: a process that is killed loses the last frame at most."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, get_args

import numpy as np

from imagewright.face_crops.turning import Follow
from imagewright.faces.detections import Face, FaceFinder, Layout
from imagewright.files import explain_write_errors

LAYOUTS: tuple[Layout, ...] = get_args(Layout)
MOST_NUMBERS = 468 * 3  # of the points of a face
NOT_FOLLOWED = np.zeros((0, 0))  # the answer None
FACTS = 8  # layout, score, box, number of points and of their coordinates


class FrameJournal:
    """An array a frame, in the order of the frames. The end of a file that was cut short is removed when it is opened.

    path: made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count, end = 0, 0
        if path.exists():
            with path.open("rb") as file:
                for _ in _arrays(file):
                    self.count, end = self.count + 1, file.tell()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.truncate(end)

    def append(self, values: np.ndarray) -> None:
        """Add the array of the next frame."""
        written = io.BytesIO()  # numpy's own writing hides that a disk is full
        np.save(written, values, allow_pickle=False)
        with explain_write_errors(self.path), self.path.open("ab") as file:
            file.write(written.getbuffer())
        self.count += 1

    def read(self, start: int = 0) -> Iterator[np.ndarray]:
        """The arrays from frame `start` on."""
        with self.path.open("rb") as file:
            for number, values in enumerate(_arrays(file)):
                if number >= start:
                    yield values


def _arrays(file: BinaryIO) -> Iterator[np.ndarray]:
    while True:
        try:
            yield np.lib.format.read_array(file, allow_pickle=False)
        except (ValueError, EOFError):
            return


class RememberedFinder:
    """A finder that is asked in the same order each time, and answers again what it answered before it was killed.

    finder: asked for what is not in the journal.
    journal: of the answers, from the first one on.
    """

    def __init__(self, finder: FaceFinder, journal: FrameJournal) -> None:
        self.name, self.notes = finder.name, finder.notes
        self._finder, self._journal = finder, journal
        self._known: Iterator[np.ndarray] = journal.read()

    @property
    def follow(self) -> Follow | None:
        """The finder's `follow`, if it has one, remembered likewise."""
        following: Follow | None = getattr(self._finder, "follow", None)
        if following is None:
            return None

        def follow(picture: np.ndarray, faces: Sequence[Face]) -> list[Face] | None:
            return self._answer(lambda: following(picture, faces))

        return follow

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces of the next picture, the largest first."""
        return self._answer(lambda: self._finder.find(picture)) or []

    def _answer(self, ask: Callable[[], list[Face] | None]) -> list[Face] | None:
        rows = next(self._known, None)
        if rows is None:
            self._known = iter(())
            found = ask()
            rows = NOT_FOLLOWED if found is None else pack_faces(found)
            self._journal.append(rows)
        return unpack_faces(rows) if rows.shape[1] else None


def pack_faces(faces: Sequence[Face]) -> np.ndarray:
    """Faces as rows of numbers, (n, 1412)."""
    rows = np.zeros((len(faces), FACTS + MOST_NUMBERS))
    for row, face in zip(rows, faces, strict=True):
        row[:FACTS] = (LAYOUTS.index(face.layout), face.score, *face.box, *face.points.shape)
        row[FACTS : FACTS + face.points.size] = face.points.ravel()
    return rows


def unpack_faces(rows: np.ndarray) -> list[Face]:
    """The faces of `pack_faces`."""
    faces = []
    for row in rows:
        count, axes = int(row[6]), int(row[7])
        points = row[FACTS : FACTS + count * axes].reshape(count, axes)
        faces.append(Face(row[2:6], points, float(row[1]), LAYOUTS[int(row[0])]))
    return faces
