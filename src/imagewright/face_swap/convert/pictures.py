"""Swap a person's face in pictures: each is written as a file, whole, as soon as it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError, count_text, none_readable
from imagewright.face_crops.turning import find_turned
from imagewright.face_swap.convert.choosing import choose_tracks, person_text
from imagewright.face_swap.convert.finding import FINDING, SWAPPING, TRACKED, TRACKS, FoundFaces, open_found
from imagewright.face_swap.convert.journal import FrameJournal, pack_faces
from imagewright.face_swap.convert.swapping import FaceSwapper
from imagewright.face_swap.convert.unfinished import Unfinished, facts_of_swap
from imagewright.face_swap.people import Person
from imagewright.face_swap.provenance import swap_record
from imagewright.faces.detections import Face, FaceFinder
from imagewright.faces.pasting import blend
from imagewright.files import remove_leftovers_of, write_whole
from imagewright.images import Images
from imagewright.images.notices import tell_skipped
from imagewright.images.one_by_one import read_one_by_one
from imagewright.output.marks import draw_mark
from imagewright.output.provenance import Record
from imagewright.output.writing import picture_paths, refuse_existing, write_image
from imagewright.progress import Progress, StageProgress, progress_of_stage

FEW = 16  # pictures that are soon done again


@dataclass
class ConvertedPictures:
    """Pictures that were written.

    Attributes:
        out: the folder, or the one file.
        paths: of all pictures.
        swapped: pictures with a face that was swapped.
        notes: sentences for the user.
    """

    out: Path
    paths: list[Path]
    swapped: int
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What was done."""
        return [f"{self.out}: {count_text(len(self.paths), 'picture')}, {self.swapped:,} with a swapped face"]


def convert_pictures(
    swapper: FaceSwapper,
    parts: Sequence[Images],
    out: Path,
    finder: FaceFinder,
    person: Person | None,
    *,
    single: bool = False,
    everyone: bool = False,
    force: bool = False,
    progress: StageProgress | None = None,
) -> ConvertedPictures:
    """Write pictures in which a person's face is swapped, as PNG, at their own size. Those without the person are
    written without a change. The same call goes on after the process was killed.

    out: the folder; with `single`, the file of the one picture.
    person, everyone: as for `convert_video`.
    Raises `DataError` if no picture can be read, or none shows the person; `RunError` if files exist.
    """
    names = [name for part in parts for name in part.names()]
    paths = [out] if single else picture_paths(out, names)
    work = Unfinished(out, _facts_of(parts, names, finder), keeps=len(names) > FEW)
    if not work.goes_on:
        refuse_existing(paths, force=force)
    with work.held():
        found, skipped = _find(parts, finder, work.folder, progress_of_stage(progress, FINDING))
        where = names[0] if len(names) == 1 else str(parts[0].source)
        chosen, notes = choose_tracks(found.tracks, person, where, everyone=everyone)
        work.begin_parts(facts_of_swap(swapper, chosen))
        made, replaced = ConvertedPictures(out, [], 0), person_text(person, everyone)
        for (place, picture), faces in zip(_read(parts), found.read(), strict=True):
            mine = [face for track, face in faces if track in chosen]
            if not (work.parts / paths[place].name).exists():
                record = _record(swapper, names[place], replaced) if mine else None
                _write(swapper, picture, mine, paths[place], record, force=force or work.goes_on)
                write_whole(work.parts / paths[place].name, "")
            made.paths.append(paths[place])
            made.swapped += bool(mine)
            if progress is not None:
                progress(SWAPPING, len(made.paths), found.frames)
        remove_leftovers_of(made.paths)
        work.remove()
    made.notes = [*finder.notes, *notes]
    if skipped:
        made.notes.append(tell_skipped(skipped, "left out", where))
    if unchanged := found.frames - made.swapped:
        made.notes.append(f"{count_text(unchanged, 'picture')} without the person written without a change.")
    return made


def swap_picture(
    swapper: FaceSwapper, picture: np.ndarray, faces: Sequence[Face], *, moving: bool = False
) -> np.ndarray:
    """A picture uint8 (H, W, 3) with these faces swapped, and marked if that is asked for. All other pixels stay.

    moving: whether it is a frame of a video.
    """
    for face in faces:
        picture = blend(picture, swapper.fit(picture, swapper.draw(picture, face), moving=moving))
    mark = swapper.options.mark
    return picture if mark is None else draw_mark(picture, mark)


def _write(
    swapper: FaceSwapper, picture: np.ndarray, faces: Sequence[Face], path: Path, record: Record | None, *, force: bool
) -> None:
    if faces:
        picture = swap_picture(swapper, picture, faces)
    write_image(picture.transpose(2, 0, 1), path, record, force=force)


def _record(swapper: FaceSwapper, name: str, replaced: str | None) -> Record:
    """The provenance record of a picture.

    name: of the picture that was there before.
    replaced: see `person_text`.
    """
    settings = {"person": replaced, **swapper.options.to_dict()}
    mark = settings.pop("mark")
    return swap_record(swapper.model, name, settings=settings, mark=mark)


def _find(
    parts: Sequence[Images], finder: FaceFinder, work: Path, progress: Progress | None
) -> tuple[FoundFaces, list[tuple[str, str]]]:
    """The faces of all pictures that can be read, each a track of its own; (name, reason) of the others."""
    total = sum(map(len, parts))
    if not (work / TRACKS).exists():
        (work / TRACKED).unlink(missing_ok=True)
        journal, tracks = FrameJournal(work / TRACKED), list[dict[str, Any]]()
        for _, picture in _read(parts):
            _, faces = find_turned(finder, picture)
            rows = np.arange(len(tracks), len(tracks) + len(faces))[:, None]
            journal.append(np.concatenate([rows, pack_faces(faces)], 1))
            for face, identity in zip(faces, identities_of(picture, faces, finder), strict=True):
                tracks.append({"frames": 1, "sides": face.side, "identity": identity})
            if progress is not None:
                progress(journal.count, total)
        skipped = [each for part in parts for each in part.skipped]
        if not journal.count:
            raise DataError(f"{none_readable(total, f'of {parts[0].source}')}.")
        known = {"frames": journal.count, "tracks": dict(enumerate(tracks)), "skipped": skipped}
        write_whole(work / TRACKS, json.dumps(known))
    unreadable = json.loads((work / TRACKS).read_text())["skipped"]
    return open_found(work), [(name, reason) for name, reason in unreadable]


def identities_of(picture: np.ndarray, faces: Sequence[Face], finder: FaceFinder) -> list[list[float] | None]:
    """The identity of each face of a picture, as JSON values; None of faces that the cascade found."""
    if finder.name != "networks" or not faces:
        return [None] * len(faces)
    from imagewright.pretrained.faces.networks import identify

    return [row.astype(float).tolist() for row in identify(picture, faces)]


def _read(parts: Sequence[Images]) -> Iterator[tuple[int, np.ndarray]]:
    """The place of each picture that can be read, counted over all parts, and its pixels."""
    first = 0
    for part in parts:
        part.skipped.clear()
        for number, picture in read_one_by_one(part, 3):
            yield first + number, picture.permute(1, 2, 0).numpy()
        first += len(part)


def _facts_of(parts: Sequence[Images], names: Sequence[str], finder: FaceFinder) -> dict[str, Any]:
    """What the faces that are found depend on."""
    return {
        "pictures": list(names),
        "sources": [part.fingerprint for part in parts],
        "finder": finder.name,
    }
