"""Swap a person's face in pictures: each is written as a file, whole, as soon as it is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError, count_text, none_readable
from imagewright.face_crops.turning import find_turned
from imagewright.face_swap.convert.choosing import choose_tracks, person_text, record_of_swap
from imagewright.face_swap.convert.finding import FINDING, FOUND, SWAPPING, TRACKED, TRACKS, FoundFaces, open_found
from imagewright.face_swap.convert.journal import FrameJournal, RememberedFinder, pack_faces
from imagewright.face_swap.convert.poses import about_poses, count_faces
from imagewright.face_swap.convert.stills import about_losses, read_stills
from imagewright.face_swap.convert.swapping import FaceSwapper
from imagewright.face_swap.convert.unfinished import Unfinished, facts_of_swap
from imagewright.face_swap.people import Person
from imagewright.faces.detections import Face, FaceFinder
from imagewright.faces.pasting import blend
from imagewright.files import remove_leftovers_of, write_whole
from imagewright.images import Images
from imagewright.images.notices import tell_skipped
from imagewright.output.marks import draw_mark
from imagewright.output.writing import picture_paths, refuse_existing, write_image
from imagewright.progress import Progress, StageProgress, progress_of_stage
from imagewright.training.reporting import Say

FEW = 16  # pictures that are soon done again


@dataclass
class ConvertedPictures:
    """Pictures that were written.

    Attributes:
        out: the folder, or the one file.
        paths: of all pictures.
        swapped: pictures with a face that was swapped.
        work: the folder of unfinished work, to be removed when nothing else is to be done with the pictures.
        notes: sentences for the user.
    """

    out: Path
    paths: list[Path]
    swapped: int
    work: Unfinished = field(repr=False)
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
    say: Say | None = None,
) -> ConvertedPictures:
    """Write pictures in which a person's face is swapped, as PNG, at their own size. Those without the person are
    written without a change. The same call goes on after the process was killed. The caller removes `work`.

    out: the folder; with `single`, the file of the one picture.
    person, everyone, say: as for `convert_video`.
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
        notes = [*finder.notes, *notes]
        notes += about_poses(count_faces(found.read(), chosen), swapper.model, swapper.to, where)
        if skipped:
            notes.append(tell_skipped(skipped, "left out", where))
        if say is not None:
            for note in notes:
                say(note)
        made, replaced = ConvertedPictures(out, [], 0, work, notes), person_text(person, everyone)
        transparent = 0
        for (place, still), faces in zip(read_stills(parts), found.read(), strict=True):
            mine = [face for track, face in faces if track in chosen]
            transparent += still.is_transparent
            if not (work.parts / paths[place].name).exists():
                record = record_of_swap(swapper, names[place], replaced) if mine else None
                pixels = still.changed(swap_picture(swapper, still.picture, mine)) if mine else still.pixels
                write_image(pixels.transpose(2, 0, 1), paths[place], record, force=force or work.goes_on)
                write_whole(work.parts / paths[place].name, "")
            made.paths.append(paths[place])
            made.swapped += bool(mine)
            if progress is not None:
                progress(SWAPPING, len(made.paths), found.frames)
        remove_leftovers_of(made.paths)
    if unchanged := found.frames - made.swapped:
        made.notes.append(f"{count_text(unchanged, 'picture')} without the person written without a change.")
    made.notes += about_losses(parts, transparent, paths[0])
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


def _find(
    parts: Sequence[Images], finder: FaceFinder, work: Path, progress: Progress | None
) -> tuple[FoundFaces, list[tuple[str, str]]]:
    """The faces of all pictures that can be read, each a track of its own; (name, reason) of the others."""
    total = sum(map(len, parts))
    if not (work / TRACKS).exists():
        (work / TRACKED).unlink(missing_ok=True)
        journal, tracks = FrameJournal(work / TRACKED), list[dict[str, Any]]()
        remembered = RememberedFinder(finder, FrameJournal(work / FOUND))
        for _, still in read_stills(parts):
            picture = still.picture
            _, faces = find_turned(remembered, picture)
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
        (work / FOUND).unlink()
    unreadable = json.loads((work / TRACKS).read_text())["skipped"]
    return open_found(work), [(name, reason) for name, reason in unreadable]


def identities_of(picture: np.ndarray, faces: Sequence[Face], finder: FaceFinder) -> list[list[float] | None]:
    """The identity of each face of a picture, as JSON values; None of faces that the cascade found."""
    if finder.name != "networks" or not faces:
        return [None] * len(faces)
    from imagewright.pretrained.faces.networks import identify

    return [row.astype(float).tolist() for row in identify(picture, faces)]


def _facts_of(parts: Sequence[Images], names: Sequence[str], finder: FaceFinder) -> dict[str, Any]:
    """What the faces that are found depend on."""
    return {
        "pictures": list(names),
        "sources": [part.fingerprint for part in parts],
        "finder": finder.name,
    }
