"""A photo translated at its own size, which takes long: by the command line, into a folder of the studio."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from imagewright.errors import ImagewrightError, UserError
from imagewright.images.decoding.opening import open_picture, read_encoded
from imagewright.output.inspecting_pictures import find_packet
from imagewright.output.provenance import from_xmp
from imagewright.output.writing import write_image
from imagewright.pixels import size_text
from imagewright.studio.pages.draw.describing import Described, described
from imagewright.studio.pages.draw.translating import read_seed, read_target
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import NotThereError
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.sources import shown
from imagewright.studio.serving.studio import OWN_FOLDER, Studio

PLACE = "translated"  # the folder of results
GIVEN = f"{OWN_FOLDER}/draw"  # the photos and references that commands read
MOST_KEPT = 20  # of them


def begin(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start the translation of a photo at its own size; returns the job."""
    run = asked.text("run")
    photo = studio.shelf.get(asked.text("photo"))
    found = studio.models.call(run, described)
    if found.is_labelled:
        raise UserError("Label maps are translated on the sheet, at the size of the training.")
    seed = read_seed(asked)
    to, references = read_target(studio, asked, seed)
    if to == {}:
        raise UserError("Tick an attribute first: nothing would change.")
    given = _place_for_given(studio)
    name = photo.name or "photo"
    path = write_image(photo.pixels.transpose(2, 0, 1), given / f"{_plain(name)}.png")
    like = [
        write_image(each.pixels.transpose(2, 0, 1), given / "like" / f"{number}-{_plain(each.name)}.png")
        for number, each in enumerate(references.values())
    ]
    out = studio.new_place(PLACE, _plain(name))
    command: list[str | Path] = ["translate", studio.library.path_of(run, "run"), path, "--out", out, "--size", "own"]
    command += ["--to", *_words(found, to)] if to is not None else []
    command += ["--like", *like] if like else []
    command += ["--styles", "1", "--seed", str(seed)] if seed is not None else []
    size = size_text(photo.pixels.shape[:2])
    about = {"folder": out.relative_to(studio.folder).as_posix(), "file": path.name}
    return studio.jobs.start(f"Translate {name} at {size}", command, about).to_json()


def finished(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The result of a job: its ticket, and the folder that it is in."""
    about = studio.jobs.get(asked.text("job")).about
    folder, file = about.get("folder"), about.get("file")
    if not isinstance(folder, str) or not isinstance(file, str):
        raise NotThereError("This job translated no photo.")
    path = studio.folder / folder / file
    if not path.resolve().is_relative_to(studio.folder) or not path.is_file():
        raise NotThereError(f"The result is no longer in {folder}: it was moved or removed.")
    studio.library.refresh()
    content = read_encoded(path)
    with open_picture(content) as picture:
        packet = find_packet(picture, content)
    record = None
    with suppress(ImagewrightError):
        record = from_xmp(packet) if packet else None
    pixels = shown(content)
    name = path.stem
    return {"ticket": studio.shelf.put(Picture(pixels, record, name)), "name": name, "folder": folder}


def _words(found: Described, to: Any) -> list[str]:
    """`--to` as one would type it."""
    if isinstance(to, int):
        if to >= len(found.abilities.domains):
            raise UserError(f"There is no domain {to}.")
        name = found.abilities.domains[to]
        return [str(to) if name.startswith("-") else name]
    if wrong := [name for name in to if name.startswith("-")]:
        raise UserError(f"The name {wrong[0][:80]!r} begins with a dash, so it is taken for an option of the command.")
    return [f"{name}={value:g}" for name, value in to.items()]


def _plain(name: str) -> str:
    """A name that a file may have."""
    kept = "".join(each if each.isalnum() or each in "-_" else "-" for each in name).strip("-")
    return kept[:60] or "photo"


def _place_for_given(studio: Studio) -> Path:
    """A new folder for the files that a command reads. The oldest ones go."""
    above = studio.folder / GIVEN
    above.mkdir(parents=True, exist_ok=True, mode=0o700)
    older = sorted((each for each in above.iterdir() if each.is_dir()), key=lambda each: each.stat().st_mtime)
    for each in older[:-MOST_KEPT]:
        shutil.rmtree(each, ignore_errors=True)
    place = above / secrets.token_hex(6)
    place.mkdir(mode=0o700)
    return place
