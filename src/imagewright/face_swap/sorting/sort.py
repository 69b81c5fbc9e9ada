"""`sort_faces`: copies of the crops of a set in an order or in folders, a table and a sheet."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from imagewright.errors import ConfigError, UserError, count_text, nearest_name
from imagewright.face_crops.places import check_folder, refuse_places
from imagewright.face_swap.face_sets import TABLE as RECORDS
from imagewright.face_swap.face_sets import FaceFile, FaceSet, read_face_set, write_table
from imagewright.face_swap.people import Person
from imagewright.face_swap.sorting.orders import COUNTED, ORDERS, FaceOrder
from imagewright.faces.detections import Face, FaceFinder
from imagewright.faces.records import FaceRecord
from imagewright.files import atomic_write, explain_write_errors, write_whole
from imagewright.images.decoding.opening import open_picture, read_encoded
from imagewright.images.selection import even_places
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.output.sheets import Sheet
from imagewright.pretrained.faces.finder import open_face_finder
from imagewright.progress import Progress, ProgressCounter

By = Literal["person", "pose", "sharpness", "likeness", "size", "duplicates", "best"]
How = Literal["copy", "link", "list"]
TABLE = "sorted.csv"
ROWS, COLUMNS, SHOWN_SIDE = 12, 8, 96


@dataclass
class SortedFaces:
    """What `sort_faces` wrote.

    Attributes:
        folder: the crops, in sub-folders if there are groups, and `sorted.csv`.
        sheet: a picture of some of them.
        by: what they are sorted by.
        groups: (name, number of faces) of each folder; the name is "" if there are none.
        left_out: faces that are in no group.
        notes: sentences for the user.
    """

    folder: Path
    sheet: Path
    by: str
    groups: list[tuple[str, int]]
    left_out: int
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The groups with their numbers of faces."""
        total = sum(number for _, number in self.groups)
        rest = f", {self.left_out:,} left out" if self.left_out else ""
        lines = [f"{self.folder}: {count_text(total, 'face')} by {self.by}{rest}"]
        lines += [f"  {name}: {number:,}" for name, number in self.groups if name]
        return [*lines, f"{self.sheet} shows some of them; {self.folder / TABLE} lists all"]


def sort_faces(
    faces: str | Path,
    out: str | Path,
    *,
    by: By,
    person: Any = None,
    count: int | None = None,
    how: How = "copy",
    force: bool = False,
    progress: Progress | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> SortedFaces:
    """Sort a set of faces by what their records say. The set itself stays as it is.

    `OUT` gets the crops, each folder of them a `faces.jsonl`, `sorted.csv` (file, name in the set, group, value) and,
    beside it, the sheet `OUT.png`.

    faces: a folder that `extract_faces` wrote.
    out: a new or an empty folder.
    by: "person", a folder each; "pose", a folder for every 15 degrees of yaw and pitch; "sharpness", "size" and
        "likeness", numbered; "duplicates", the folders `kept` and `duplicates`; "best", of each pose the sharpest that
        do not look alike, evenly over the poses.
    person: pictures or faces of whom "likeness" is measured to; by default the person of most of the faces.
    count: how many faces of an order are kept, or of "best", 1000 by default.
    how: "copy"; "link" for hard links, which take no space; "list" for the table and the sheet alone.
    force: replace files that exist.
    progress: called with (done, total) in faces.
    confirm: asked before weights are fetched, which only pictures of a person need; None fetches them.

    Raises `UserError` for a wrong option, `DataError` for a folder without extracted faces, `RunError` if files exist.
    """
    _check_options(by, person, count, how)
    folder = check_folder(Path(out))
    sheet = folder.with_name(f"{folder.name}.png")
    refuse_places(folder, [sheet], faces, force=force)
    found = read_face_set(faces)
    who = None if person is None else Person.from_source(person, _FinderIfNeeded(confirm))
    order = ORDERS[by](found, who, count)
    names = _file_names(found, order)
    counter = ProgressCounter(len(names), progress)
    if how != "list":
        for place, name in names.items():
            _put(found.faces[place].path, folder / name, link=how == "link", force=force)
            counter.advance()
        _write_records(folder, found, names)
    write_whole(folder / TABLE, _table(found, order, names))
    groups = [(name, len(places)) for name, places in order.groups]
    notes = [*found.notes(), *(who.notes if who else ()), *order.notes]
    made = SortedFaces(folder, sheet, by, groups, len(order.left_out), notes)
    _draw(found, order, f"{made.lines()[0]}").write(sheet, force=force)
    return made


class _FinderIfNeeded:
    """A finder that is opened when it is first asked: crops and sets of faces need none, nor its weights."""

    name = "networks"
    notes: Sequence[str] = ()

    def __init__(self, confirm: Callable[[str], bool] | None) -> None:
        self._confirm = confirm

    @cached_property
    def _opened(self) -> FaceFinder:
        return open_face_finder(None, self._confirm)

    def find(self, picture: np.ndarray) -> list[Face]:
        return self._opened.find(picture)


def _check_options(by: str, person: Any, count: int | None, how: str) -> None:
    if by not in ORDERS:
        raise ConfigError(f"by={by!r}: expected {', '.join(ORDERS)}.{nearest_name(str(by), ORDERS)}")
    if how not in ("copy", "link", "list"):
        raise ConfigError(f"how={how!r}: expected copy, link or list.")
    if person is not None and by != "likeness":
        raise ConfigError(f"--person is whom --by likeness measures to; --by {by} asks for nobody.")
    if count is not None and by not in COUNTED:
        raise ConfigError(f"--count is for --by {', '.join(COUNTED)}; --by {by} sorts all faces.")
    if count is not None and count < 1:
        raise ConfigError(f"count={count}, but one face at least must be kept.")


def _file_names(faces: FaceSet, order: FaceOrder) -> dict[int, str]:
    """The name of each face's file in the new folder."""
    bases = Counter(Path(face.name).name for face in faces)
    names = {}
    for group, places in order.groups:
        digits = len(str(len(places)))
        for rank, place in enumerate(places, 1):
            name = faces.faces[place].name
            base = Path(name).name if bases[Path(name).name] == 1 else name.replace("/", "_")
            base = f"{rank:0{digits}d}_{base}" if order.is_ranking else base
            names[place] = f"{group}/{base}" if group else base
    return names


def _write_records(folder: Path, faces: FaceSet, names: dict[int, str]) -> None:
    """Write `faces.jsonl` into each folder of crops, so that other programs find the records of a part as well."""
    parts: dict[Path, list[FaceRecord]] = {}
    for place, name in names.items():
        path = folder / name
        parts.setdefault(path.parent, []).append(replace(faces.faces[place].record, file=path.name))
    for part, records in parts.items():
        write_table(part / RECORDS, records)


def _put(source: Path, target: Path, *, link: bool, force: bool) -> None:
    """Copy or link a file. A link to another file system is a copy."""
    if os.path.lexists(target) and not force:
        raise UserError(f"{target} exists already: give another folder, or replace it with --force (force=True).")
    if link and _link(source, target):
        return
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)


def _link(source: Path, target: Path) -> bool:
    """Make a hard link; whether the file system has them, and from one place to the other."""
    with explain_write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _table(faces: FaceSet, order: FaceOrder, names: dict[int, str]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "face", "group", "value"])
    for group, places in order.groups:
        rows.writerows([names[place], faces.faces[place].name, group, order.values.get(place, "")] for place in places)
    return text.getvalue()


def _draw(faces: FaceSet, order: FaceOrder, title: str) -> Sheet:
    """Some faces of each group, a row each; of one order, faces at even distances."""
    record = make_record("swap sort", model="networks", source_type=ENHANCED)
    if len(order.groups) == 1 and not order.groups[0][0]:
        places = _evenly(order.groups[0][1], ROWS // 3 * COLUMNS)
        pictures = np.stack([_small(faces.faces[place]) for place in places])
        captions = [order.values.get(place, "") for place in places]
        return Sheet(pictures, columns=COLUMNS, title=title, captions=captions, record=record)
    groups = [group for group in order.groups if group[1]][:ROWS]
    rows = []
    for _, places in groups:
        shown = [_small(faces.faces[place]) for place in _evenly(places, COLUMNS)]
        rows += shown + [np.full_like(shown[0], 255)] * (COLUMNS - len(shown))
    labels = [f"{name}: {len(places):,}" for name, places in groups]
    return Sheet(np.stack(rows), columns=COLUMNS, row_labels=labels, title=title, record=record)


def _evenly(places: list[int], most: int) -> list[int]:
    return [places[number] for number in even_places(len(places), most)]


def _small(face: FaceFile) -> np.ndarray:
    """uint8 (3, 96, 96)."""
    with open_picture(read_encoded(face.path)) as picture:
        small = picture.convert("RGB").resize((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.asarray(small).transpose(2, 0, 1)
