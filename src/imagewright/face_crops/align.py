"""`align_faces`: crops of the faces in pictures, upright and of one size, as a set that any model is trained on."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imagewright.errors import ConfigError, DataError, count_text, none_readable
from imagewright.face_crops.notes import about_crops
from imagewright.face_crops.places import check_folder, open_parts, refuse_places
from imagewright.face_crops.shown import ShownCrops
from imagewright.face_crops.turning import find_turned
from imagewright.faces.crops import check_crop, crop_square, cut_square, share_beyond
from imagewright.faces.detections import Face, FaceFinder
from imagewright.faces.landmarks import five_points
from imagewright.faces.similarity import scale_of
from imagewright.files import write_whole
from imagewright.images import Images
from imagewright.images.notices import SizesNote, tell_skipped
from imagewright.images.one_by_one import read_one_by_one
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.output.sheets import Sheet
from imagewright.output.writing import picture_paths, write_image
from imagewright.pretrained.faces.finder import FinderName, open_face_finder
from imagewright.progress import Progress, ProgressCounter

CropName = Literal["face", "whole", "head", "ffhq"]
Which = Literal["all", "largest"]
MUCH_BEYOND = 0.25  # of a crop: then it is said
NAMED = 3  # pictures without a face that are named


@dataclass
class AlignedFaces:
    """What `align_faces` wrote.

    Attributes:
        folder: holds a PNG a face.
        sheet: a picture of some of them.
        table: a line of JSON for each face: its file, the picture, the box, the square that was cut, the points.
        finder: "networks" or "cascade".
        pictures: that were searched.
        faces: written.
        without: names of pictures in which no face was found.
        several: pictures with more than one face.
        turned: pictures in which faces were found only after a turn by a quarter or a half.
        enlarged: faces with fewer pixels than their crop.
        cut_off: crops of which more than a quarter is beyond the edge of the picture.
        skipped: (name, reason) of each picture that cannot be read.
        notes: sentences for the user.
    """

    folder: Path
    sheet: Path
    table: Path
    finder: str
    pictures: int = 0
    faces: int = 0
    without: list[str] = field(default_factory=list)
    several: int = 0
    turned: int = 0
    enlarged: int = 0
    cut_off: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The counts, and how to go on."""
        found = f"{self.folder}: {count_text(self.faces, 'face')} of {count_text(self.pictures, 'picture')}"
        counts = [(self.several, "with several faces"), (self.turned, "turned"), (len(self.without), "without a face")]
        said = [f"{number:,} {what}" for number, what in counts if number]
        return [
            found + (f" ({', '.join(said)})" if said else ""),
            f"{self.sheet} shows some of them; {self.table} has boxes and points",
            f"train on them: imagewright train vae {shlex.quote(str(self.folder))}",
        ]


def align_faces(
    source: Any,
    out: str | Path,
    *,
    crop: CropName = "face",
    size: int = 256,
    faces: Which = "all",
    find: FinderName | None = None,
    count: int | None = None,
    split: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> AlignedFaces:
    """Cut the faces out of pictures, turned upright and scaled alike.

    `OUT` gets a PNG for each face, named after its picture and the number of the face in it, the largest first;
    `OUT.png` is a sheet of some, `OUT.jsonl` says where each face was. A crop is written as soon as it is made, and
    memory does not grow with their number. The orientation in a photograph's EXIF is heeded; in a picture without any
    upright face, faces are looked for after turns by a quarter and a half.

    source: as for `open_images`, or a list of names of sources and picture files.
    out: the folder: a new or an empty one.
    crop: "face" from the brows to below the chin, "whole" with the forehead, "head" with the hair, "ffhq" as in the
        data set FFHQ, on which published StyleGANs were trained.
    size: the side of a crop in pixels.
    faces: "all", or "largest" for one a picture, which then has the picture's name alone.
    find: "networks"; "cascade" for upright frontal faces without weights; None for the networks, whose weights are
        fetched at the first use, and the cascade if that is not possible.
    count: pictures, chosen at even distances; None for all.
    split: a part of the source, such as "train".
    force: replace files that exist.
    progress: called with (done, total) in pictures.
    confirm: asked before weights are fetched, with a sentence that says what will be done; None fetches them.

    Raises `UserError` for a wrong option, `DataError` if no picture can be read or none has a face, `RunError` if files
    exist already.
    """
    check_crop(crop)
    if faces not in ("all", "largest"):
        raise ConfigError(f"faces={faces!r}: expected all or largest.")
    if not 16 <= size <= 4096:
        raise ConfigError(f"size={size}: the side of a crop is 16 to 4096 pixels.")
    folder = check_folder(Path(out))
    made = AlignedFaces(folder, folder.with_name(f"{folder.name}.png"), folder.with_name(f"{folder.name}.jsonl"), "")
    refuse_places(folder, [made.sheet, made.table], source, force=force)
    parts = open_parts(source, count, split)
    finder = open_face_finder(find, confirm)
    made.finder, made.notes = finder.name, list(finder.notes)
    made.pictures = sum(map(len, parts))
    work = _Work(made, finder, crop, size, faces, force)
    names = picture_paths(folder, [name for part in parts for name in part.names()])
    counter = ProgressCounter(made.pictures, progress)
    first = 0
    try:
        for part in parts:
            for number, picture in read_one_by_one(part, 3):
                work.align(picture.permute(1, 2, 0).numpy(), part.name(number), names[first + number])
                counter.advance()
            first += len(part)
            made.skipped.extend(part.skipped)
    except BaseException as error:  # Ctrl-C, or a full disk: finished crops stay
        error.add_note(f"{count_text(made.faces, 'face')} are written in {folder}.")
        raise
    finally:
        work.write_table()
    _finish(made, work, parts)
    return made


@dataclass
class _Work:
    made: AlignedFaces
    finder: FaceFinder
    crop: str
    size: int
    which: str
    force: bool
    rows: list[str] = field(default_factory=list)
    shown: ShownCrops[None] = field(default_factory=ShownCrops)

    def align(self, picture: np.ndarray, name: str, path: Path) -> None:
        """Write the crops of one picture."""
        quarters, found = find_turned(self.finder, picture)
        if not found:
            self.made.without.append(name)
            return
        self.made.several += len(found) > 1
        self.made.turned += quarters > 0
        for number, face in enumerate(found[:1] if self.which == "largest" else found):
            target = path if self.which == "largest" else path.with_stem(f"{path.stem}_{number}")
            square = crop_square(face, self.crop)
            pixels = cut_square(picture, square, self.size)
            facts = {"picture": Path(name).name, "face": number, "square": square.round(2).tolist()}
            record = make_record(
                "faces align", model=self.finder.name, settings=self._settings(facts), source_type=ENHANCED
            )
            write_image(pixels.transpose(2, 0, 1), target, record, force=self.force)
            self.rows.append(json.dumps({"file": target.name, **facts, **_numbers(face)}, ensure_ascii=False))
            self.made.faces += 1
            self.made.enlarged += scale_of(square) < self.size
            self.made.cut_off += share_beyond(square, *picture.shape[:2]) > MUCH_BEYOND
            self.shown.add(pixels, None)

    def _settings(self, facts: dict[str, Any]) -> dict[str, Any]:
        return {"crop": self.crop, "size": self.size, "faces": self.which, **facts}

    def write_table(self) -> None:
        """Write what is known of all crops that are written."""
        if self.rows:
            write_whole(self.made.table, "\n".join(self.rows) + "\n")


def _numbers(face: Face) -> dict[str, Any]:
    """Where a face is, in pixels of the picture, as JSON values."""
    return {
        "box": face.box.round(1).tolist(),
        "score": round(face.score, 4),
        "points": dict(
            zip(("right_eye", "left_eye", "nose", "right_mouth", "left_mouth"), _rounded(face), strict=True)
        ),
    }


def _rounded(face: Face) -> Iterator[list[float]]:
    return (point.round(2).tolist() for point in five_points(face))


def _finish(made: AlignedFaces, work: _Work, parts: list[Images]) -> None:
    """Write the sheet, and say what was left out."""
    if not made.pictures - len(made.skipped):
        raise DataError(f"{none_readable(made.pictures, f'of {parts[0].source}')}.")
    if not made.faces:
        how = "" if made.finder == "networks" else " The cascade finds upright frontal faces alone."
        raise DataError(
            f"No face was found in {count_text(made.pictures - len(made.skipped), 'picture')} of "
            f"{parts[0].source}.{how}"
        )
    made.notes += [note for part in parts for note in part.notes if not isinstance(note, SizesNote)]
    made.notes += [tell_skipped(part.skipped, "left out", part.source) for part in parts if part.skipped]
    if made.without:
        more = len(made.without) - NAMED
        names = ", ".join(made.without[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
        made.notes.append(f"No face was found in {count_text(len(made.without), 'picture')}: {names}.")
    made.notes += about_crops(made.faces, work.size, made.enlarged, made.cut_off)
    title = f"{count_text(made.faces, 'face')} of {count_text(made.pictures, 'picture')}: {work.crop}"
    record = make_record("faces align", model=made.finder, settings={"crop": work.crop}, source_type=ENHANCED)
    Sheet(work.shown.stacked(), title=title, record=record).write(made.sheet, force=work.force)
