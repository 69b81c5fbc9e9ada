"""The faces of a swap: sets of the studio's folder with their people, faces found in sources, one person kept alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from anyio import to_thread

from imagewright.errors import UserError
from imagewright.images.decoding.opening import read_encoded
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import NotThereError, id_of
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.sources import shown
from imagewright.studio.serving.studio import Studio

if TYPE_CHECKING:
    from imagewright.face_swap.face_sets import FaceSet
    from imagewright.face_swap.people import Person

PLACE = "faces"  # below the studio's folder
MOST_PEOPLE, MOST_FACES = 24, 2_000  # that a page shows
TOLD_SECONDS = 0.3
_progress: dict[str, tuple[int, int]] = {}  # of the sets that are read now, by their paths
MOST_REFERENCES = 8  # crops that stand for a picked person


def networks(_: Studio, __: Asked) -> dict[str, Any]:
    """What finding faces needs that is not here: a sentence, or None."""
    from imagewright.pretrained.faces.finder import absent_networks

    names = ", ".join(weights.name for weights in absent_networks())
    said = f"The networks that find faces ({names}) are fetched once, before the first faces are found."
    return {"absent": said if names else None}


def people(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The people of a face set: for each the places of their faces, the one with the most faces first."""
    faces = face_set(studio, asked.text("faces"))
    groups, unknown = people_of(faces)
    return {
        "count": len(faces),
        "people": [{"number": number, "count": len(places), "faces": places} for number, places in enumerate(groups)],
        "unknown": unknown[:MOST_FACES],
        "crops": sorted({f"{record.crop}, {record.size} pixels" for record in faces.records}),
    }


def face_set_notes(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What a training on a face set would suffer from."""
    from imagewright.face_swap.face_set_report import check_faces

    report = check_faces(studio.library.path_of(asked.text("faces"), "faces"))
    return {"notes": [studio.library.without_folder(note) for note in report.notes], "lookalikes": report.lookalikes}


def face(studio: Studio, asked: Asked) -> Picture:
    """One crop of a face set."""
    faces = face_set(studio, asked.text("faces"))
    place, side = asked.whole("place"), asked.whole("side", 128, low=16, high=1024)
    if place >= len(faces):
        raise NotThereError("There is no such face in this set.")
    found = faces.faces[place]
    return Picture(shown(read_encoded(found.path), side, found.name), None, Path(found.name).stem)


def extract(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start finding the faces of a source: a new face set."""
    source = studio.library.source(asked.text("source"))
    out = studio.new_place(PLACE, asked.text("name", Path(source.name).stem or "faces")[:60])
    command: list[str | Path] = ["swap", "extract", source.source, "--out", out]
    command += ["--every", str(asked.whole("every", 1, low=1, high=1_000))]
    command += ["--size", str(asked.whole("size", 256, low=64, high=1024))]
    command += ["--crop", asked.choice("crop", ("whole", "face", "head", "ffhq"), "whole")]
    if "person" in asked:
        command += ["--person", *references(studio, asked.part("person"))]
    return _start(studio, f"Find faces in {source.name}", command, out, id_of(studio.library.name_of(out)))


def keep_person(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start parting a face set by people; the answer names the set of the picked person."""
    path, number = studio.library.path_of(asked.text("faces"), "faces"), asked.whole("number")
    groups, _ = people_of(face_set(studio, asked.text("faces")))
    if number >= len(groups):
        raise UserError("There is no such person in this set.")
    out = studio.new_place(PLACE, f"{path.name}-people")
    digits = max(2, len(str(len(groups))))
    part = f"{studio.library.name_of(out)}/person_{number + 1:0{digits}d}"
    command: list[str | Path] = ["swap", "sort", path, "--by", "person", "--how", "link", "--out", out]
    return _start(studio, f"Part {studio.library.name_of(path)} by people", command, out, id_of(part))


def _start(studio: Studio, title: str, command: list[str | Path], out: Path, faces: str) -> dict[str, Any]:
    out.parent.mkdir(parents=True, exist_ok=True)
    return studio.jobs.start(title, command, {"page": "swap", "kind": "faces", "faces": faces}).to_json()


def face_set(studio: Studio, key: str) -> FaceSet:
    """A face set by its id. It is read again when its folder changes."""
    path = studio.library.path_of(key, "faces")
    return _read(str(path), path.stat().st_mtime_ns)


async def follow_reading(studio: Studio, asked: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """How far a set of faces is read, which of 10,000 takes seconds; and at the end its people."""
    path = str(studio.library.path_of(asked.text("faces"), "faces"))
    reading = asyncio.ensure_future(to_thread.run_sync(people, studio, asked))
    try:
        while not (await asyncio.wait([reading], timeout=TOLD_SECONDS))[0]:
            done, total = _progress.get(path, (0, 0))
            yield {"done": done, "total": total}
    except GeneratorExit:
        reading.cancel()
        raise
    yield {"found": await reading}


@lru_cache(6)
def _read(path: str, _: int) -> FaceSet:
    from imagewright.face_swap.face_sets import read_face_set

    def progress(done: int, total: int) -> None:
        _progress[path] = done, total

    try:
        return read_face_set(path, progress)
    finally:
        _progress.pop(path, None)


def people_of(faces: FaceSet) -> tuple[list[list[int]], list[int]]:
    """The places of each person's faces, most faces first, and of faces whose person is not known."""
    from imagewright.face_swap.people import group_identities

    identities, places = faces.identities()
    groups = group_identities(identities)
    found = [places[groups == number][:MOST_FACES].tolist() for number in range(groups.max(initial=-1) + 1)]
    unknown = sorted(set(range(len(faces))) - set(places.tolist()))
    return found[:MOST_PEOPLE], unknown


def picked_person(studio: Studio, picked: Asked) -> Person:
    """The person that a page names by a face set and a number."""
    from imagewright.face_swap.people import Person

    faces = face_set(studio, picked.text("faces"))
    places = _places_of(faces, picked.whole("number"))
    rows = np.stack([faces.records[place].identity for place in places])  # type: ignore[misc]
    return Person(f"person {picked.whole('number') + 1} of {faces.folder.name}", rows)


def references(studio: Studio, picked: Asked) -> list[str]:
    """Crops of a picked person, for `--person`, at even distances."""
    from imagewright.images.selection import even_places

    faces = face_set(studio, picked.text("faces"))
    places = _places_of(faces, picked.whole("number"))
    return [str(faces.faces[places[each]].path) for each in even_places(len(places), MOST_REFERENCES)]


def _places_of(faces: FaceSet, number: int) -> list[int]:
    groups, _ = people_of(faces)
    if number >= len(groups):
        raise UserError("There is no such person in this set: choose one of those that are shown.")
    return groups[number]
