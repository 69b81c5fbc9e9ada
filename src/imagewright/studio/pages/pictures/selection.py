"""What becomes of a selection: a list of names, a new set, or files that are moved aside and back."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse

from imagewright.analysis.outliers.moving import move_files, put_back
from imagewright.errors import UserError, count_text
from imagewright.files import write_whole
from imagewright.output.names import encode_text
from imagewright.studio.pages.pictures.contents import Contents, asked_contents, chosen_indices
from imagewright.studio.pages.pictures.findings import own_folder, rows_of
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import DROPPED, NotThereError
from imagewright.studio.serving.studio import Studio

LISTS = "lists"
ASIDE = "-aside"  # what the folder beside a source is called
_LIST = re.compile(r"[0-9a-f]{12}\.txt")
_MOVES = re.compile(r"moved(-\d+)?\.csv")


def save_list(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Write the names of the chosen pictures into a list, one a line; returns its name for `names_list`."""
    contents = asked_contents(studio, asked)
    indices = _chosen(contents, asked)
    return {"list": _write_list(studio, asked.text("source"), contents, indices).name, "pictures": len(indices)}


def names_list(studio: Studio, asked: Asked) -> FileResponse:
    """A list of names, to be saved."""
    key, name = asked.text("source"), asked.text("list")
    path = own_folder(studio, key) / LISTS / name
    if not _LIST.fullmatch(name) or not path.is_file():
        raise NotThereError("There is no such list any more: choose the pictures once more.")
    title = f"{Path(studio.library.source(key).name).stem or 'pictures'}-chosen.txt"
    return FileResponse(path, media_type="text/plain", filename=title, headers={"cache-control": "no-store"})


def begin_set(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start to make a new source of the chosen pictures."""
    key, contents = asked.text("source"), asked_contents(studio, asked)
    indices = _chosen(contents, asked)
    place = studio.new_place(DROPPED, asked.text("name"))
    item = studio.library.source(key)
    listed = _write_list(studio, key, contents, indices)
    about = {"page": "pictures", "source": key, "kind": "set", "name": studio.library.name_of(place)}
    command: list[str | Path] = ["data", "subset", item.source, "--names", listed, "--out", place]
    title = f"Make {place.name} of {count_text(len(indices), 'picture')}"
    return studio.jobs.start(title, command, about).to_json()


def move_aside(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Move the files of the chosen pictures to a folder beside the source. `undo` puts them back."""
    key, contents = asked.text("source"), asked_contents(studio, asked)
    indices = _chosen(contents, asked)
    root, aside = _folders(studio, key)
    if len(indices) == len(contents.names):
        raise UserError("These are all pictures of this source: leave one where it is, or move the folder itself.")
    listed = move_files(root, [contents.names[index] for index in indices], aside)
    _refresh(studio, key)
    return {"moved": len(indices), "to": studio.library.name_of(aside), "list": listed.name}


def undo(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Put files back that were moved aside."""
    key, name = asked.text("source"), asked.text("list")
    _, aside = _folders(studio, key)
    if not _MOVES.fullmatch(name) or not (aside / name).is_file():
        raise NotThereError("There is no record of this move any more.")
    moved = put_back(aside / name, within=studio.folder)
    if not any(os.path.lexists(row["to"]) for row in rows_of(aside / name)):
        with suppress(OSError):  # it holds other moves, or something of the user's
            (aside / name).unlink()
            aside.rmdir()
    _refresh(studio, key)
    return {"moved": moved}


def moves(studio: Studio, key: str) -> list[dict[str, Any]]:
    """What was moved aside from a source and is still there, the newest first."""
    found = []
    with suppress(UserError, OSError, KeyError):
        _, aside = _folders(studio, key)
        listed = [path for path in aside.glob("moved*.csv") if _MOVES.fullmatch(path.name)]
        for path in sorted(listed, key=lambda each: -each.stat().st_mtime):
            there = sum(Path(row["to"]).is_file() for row in rows_of(path))
            if there:
                to = studio.library.name_of(aside)
                found.append({"list": path.name, "pictures": there, "to": to, "at": path.stat().st_mtime})
    return found


def _chosen(contents: Contents, asked: Asked) -> list[int]:
    indices = chosen_indices(contents, asked)
    if not indices:
        raise UserError("No picture is chosen: choose some on the wall.")
    return indices


def _write_list(studio: Studio, key: str, contents: Contents, indices: list[int]) -> Path:
    folder = own_folder(studio, key) / LISTS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{secrets.token_hex(6)}.txt"
    write_whole(path, encode_text("".join(f"{contents.names[index]}\n" for index in indices)))
    return path


def _folders(studio: Studio, key: str) -> tuple[Path, Path]:
    """The folder of a source, and the one beside it, which lies in the studio's folder too."""
    item = studio.library.source(key)
    if item.path is None or not item.path.is_dir():
        raise UserError("These pictures are no files in a folder, so they cannot be moved: make a set of the others.")
    aside = item.path.parent / f"{item.path.name}{ASIDE}"
    inside = item.path != studio.folder and aside.parent.resolve().is_relative_to(studio.folder)
    if not inside or (aside.is_symlink() and not aside.resolve().is_relative_to(studio.folder)):
        raise UserError(
            "The folder beside these pictures lies outside of the studio's folder, so nothing is moved there: make a "
            "set of the others, or start the studio one folder above."
        )
    return item.path, aside


def _refresh(studio: Studio, key: str) -> None:
    studio.sources.forget(key)
    studio.library.refresh()
