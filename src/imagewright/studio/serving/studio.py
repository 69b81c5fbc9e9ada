"""`Studio`: what the pages share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from imagewright.errors import UserError
from imagewright.files import LONGEST_NAME
from imagewright.studio.serving.arriving import remove_unfinished
from imagewright.studio.serving.jobs import Jobs
from imagewright.studio.serving.latent_shelf import latent_shelf
from imagewright.studio.serving.library import Library
from imagewright.studio.serving.models import Models
from imagewright.studio.serving.shelf import picture_shelf
from imagewright.studio.serving.sources import Sources

OWN_FOLDER = ".imagewright-studio"
ROOM = 40  # bytes of a name: a number, an ending, and what commands put beside a file


class Studio:
    """A folder, and what is known and loaded of it.

    folder: whose runs and pictures are shown; new runs go to `runs/` inside.
    Raises `UserError` if the studio's own folder in it is a link, or has one in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        _refuse_links(self.folder / OWN_FOLDER)
        remove_unfinished(self.folder / OWN_FOLDER)
        self.library = Library(self.folder)
        self.jobs = Jobs(self.folder / OWN_FOLDER / "jobs", self.folder)
        self.sources = Sources(self.library)
        self.models = Models(self.library)
        self.shelf = picture_shelf()
        self.latents = latent_shelf()
        self.described: dict[str, tuple[Any, dict[str, Any]]] = {}  # runs in short, each with the state of its files

    def new_place(self, below: str, name: str, suffix: str = "") -> Path:
        """A place below the folder for something new: a name that is taken gets a number.

        below: a folder, such as "runs".
        name: as the user typed it; letters, digits, - _ and . stay.
        suffix: of a file, such as ".mp4".
        Raises `UserError` for a name that no file may have, and if `below` is a link that leads out of the folder.
        """
        plain = "".join(each if each.isalnum() or each in "-_." else "-" for each in name.strip()).strip("-.")
        if not plain or len(plain) > 80 or len(os.fsencode(plain)) > LONGEST_NAME - ROOM:
            raise UserError(f"{name[:80]!r} cannot be a name: letters, digits, - _ and . are expected, 80 at most.")
        if not (self.folder / below).resolve().is_relative_to(self.folder):
            raise UserError(
                f"{below} is a link that leads out of the studio's folder, so nothing new is put there: make it a "
                "folder, or start the studio where it leads."
            )
        place = self.folder / below / f"{plain}{suffix}"
        number = 2
        while place.exists():
            place = self.folder / below / f"{plain}-{number}{suffix}"
            number += 1
        return place


def _refuse_links(own: Path) -> None:
    """A folder that came from others may hold links, and old files in the studio's own folder are replaced."""
    inside = [Path(above) / name for above, folders, _ in os.walk(own) for name in folders]
    for path in [own, *inside]:
        if path.is_symlink():
            name = path.relative_to(own.parent)
            raise UserError(f"{name} is a link, and the studio writes and deletes files there: remove the link.")
