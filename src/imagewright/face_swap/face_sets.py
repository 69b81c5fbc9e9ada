"""Face sets: folders of crops whose records are in their XMP, as `swap extract` writes them.

Users delete, rename and move crops, so that the record of each crop counts. `faces.jsonl`, a line a crop, is there for
other programs, and for crops that lost their XMP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError, RunError, count_text, one_line
from imagewright.faces.crop_records import find_face_record
from imagewright.faces.records import FaceRecord
from imagewright.files import atomic_write
from imagewright.images.arrangement import FACE_TABLE
from imagewright.images.decoding.opening import read_encoded
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.images.sources.listing import scan_folder
from imagewright.json_files import parse_json
from imagewright.progress import Progress
from imagewright.regular_files import open_regular

TABLE = FACE_TABLE
LONGEST_LINE = 1 << 20  # bytes: a line has about four thousand
NAMED = 3
TOLD = 100  # crops between two calls of `progress`
NO_RECORD = "it has no record of a face"


class UnusableFaces(DataError):
    """A set of faces of which no record can be used."""


@dataclass(frozen=True, eq=False)
class FaceFile:
    """A crop: its file, its name in the set, and its record."""

    path: Path
    name: str
    record: FaceRecord


@dataclass(eq=False)
class FaceSet:
    """The crops of a folder that have records.

    Attributes:
        folder: with its sub-folders.
        faces: in the order of `open_images`.
        skipped: (name, reason) of each picture that is no crop with a record.
        from_table: crops whose record is in `faces.jsonl` alone.
    """

    folder: Path
    faces: list[FaceFile] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    from_table: int = 0

    def __len__(self) -> int:
        return len(self.faces)

    def __iter__(self) -> Iterator[FaceFile]:
        return iter(self.faces)

    @property
    def records(self) -> list[FaceRecord]:
        return [face.record for face in self.faces]

    def identities(self) -> tuple[np.ndarray, np.ndarray]:
        """The identities (K, 128) of the crops that have one, and their places (K,) in `faces`."""
        places = [place for place, face in enumerate(self.faces) if face.record.identity is not None]
        rows = [self.faces[place].record.identity for place in places]
        return np.stack(rows) if rows else np.zeros((0, 128)), np.array(places, int)  # type: ignore[arg-type]

    def notes(self) -> list[str]:
        """A sentence on the pictures that were left out."""
        if not self.skipped:
            return []
        more = len(self.skipped) - NAMED
        names = "; ".join(f"{name}: {reason}" for name, reason in self.skipped[:NAMED])
        names += f"; and {more:,} more" if more > 0 else ""
        return [f"{count_text(len(self.skipped), 'picture')} of {self.folder} left out ({names})."]


def read_face_set(folder: str | Path, progress: Progress | None = None) -> FaceSet:
    """The crops of a folder and its sub-folders with their records.

    progress: called with (crops read, crops).
    Raises `DataError` if there is no such folder, or no crop in it has a record.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder of faces: {_how_to_make(folder)}")
    table = cache(partial(read_table, folder / TABLE))  # which is large, and seldom needed
    found = FaceSet(folder)
    listing = scan_folder(folder)[0]
    for number, name in enumerate(listing.names()):
        if progress is not None and number % TOLD == 0:
            progress(number, len(listing))
        _add(found, name, table)
    if not found.faces:
        _refuse_unusable(found)
        seen = f"{count_text(len(found.skipped), 'picture')} without the record of a face" if found.skipped else "none"
        raise DataError(f"There are no extracted faces in {folder} (pictures: {seen}): {_how_to_make(folder)}")
    return found


def _refuse_unusable(found: FaceSet) -> None:
    """Raise `UnusableFaces` if crops have records, of which none can be used."""
    unusable = [(name, reason) for name, reason in found.skipped if reason != NO_RECORD]
    if unusable:
        name, reason = unusable[0]
        raise UnusableFaces(
            f"None of {count_text(len(found.skipped), 'picture')} in {found.folder} can be used as a face ({name}: "
            f"{reason}). {_how_to_make(found.folder)}"
        )


def is_face_set(folder: str | Path) -> bool:
    """Whether a folder's first picture is a crop with a record."""
    if not Path(folder).is_dir():
        return False
    first = next(scan_folder(Path(folder))[0].names(), None)
    if first is None:
        return False
    try:
        return read_face_record(Path(folder) / first) is not None
    except DataError:
        return False


def read_face_record(path: str | Path) -> FaceRecord | None:
    """The record in the XMP of a crop, or None if it holds none.

    Raises `DataError` for a file that cannot be read, a damaged record, and a crop that was cropped since.
    """
    try:
        return find_face_record(read_encoded(path), str(path))
    except Unreadable as reason:
        raise DataError(f"{path} cannot be read: {reason}.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def write_table(path: Path, records: Iterable[FaceRecord]) -> None:
    """Write `faces.jsonl`, whole or not at all."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(json.dumps(record.to_json(), ensure_ascii=False) + "\n" for record in records)


def _how_to_make(folder: Path) -> str:
    return f"`imagewright swap extract PICTURES_OR_VIDEO --out {folder}` makes a set of faces."


def _add(found: FaceSet, name: str, table: Callable[[], dict[str, Any]]) -> None:
    path = found.folder / name
    try:
        record = read_face_record(path)
        if record is None and (values := table().get(name)) is not None:
            record = FaceRecord.from_json(values)
            found.from_table += 1
    except DataError as reason:
        found.skipped.append((name, one_line(str(reason).rstrip("."), 160)))
        return
    if record is None:
        found.skipped.append((name, NO_RECORD))
        return
    found.faces.append(FaceFile(path, name, record))


def read_table(path: Path) -> dict[str, Any]:
    """The values of each line of the table by the name of the file. Damaged lines are passed over."""
    values: dict[str, Any] = {}
    with suppress(FileNotFoundError, RunError), open_regular(path) as file:
        for line in iter(lambda: file.readline(LONGEST_LINE), b""):
            try:
                row = parse_json(line)
            except ValueError:
                continue
            if isinstance(row, dict) and isinstance(row.get("file"), str):
                values[row["file"]] = row
    return values
