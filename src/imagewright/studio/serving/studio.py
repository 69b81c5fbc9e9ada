"""`Studio`: what the pages share."""

from __future__ import annotations

from pathlib import Path

from imagewright.studio.serving.jobs import Jobs
from imagewright.studio.serving.latent_shelf import LatentShelf
from imagewright.studio.serving.library import Library
from imagewright.studio.serving.models import Models
from imagewright.studio.serving.shelf import Shelf
from imagewright.studio.serving.sources import Sources

OWN_FOLDER = ".imagewright-studio"


class Studio:
    """A folder, and what is known and loaded of it.

    folder: whose runs and pictures are shown; new runs go to `runs/` inside.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.library = Library(self.folder)
        self.jobs = Jobs(self.folder / OWN_FOLDER / "jobs", self.folder)
        self.sources = Sources(self.library)
        self.models = Models(self.library)
        self.shelf = Shelf()
        self.latents = LatentShelf()

    def new_place(self, below: str, name: str, suffix: str = "") -> Path:
        """A place below the folder for something new: a name that is taken gets a number.

        below: a folder, such as "runs".
        name: as the user typed it; letters, digits, - _ and . stay.
        suffix: of a file, such as ".mp4".
        """
        from imagewright.errors import UserError

        plain = "".join(each if each.isalnum() or each in "-_." else "-" for each in name.strip()).strip("-.")
        if not plain or len(plain) > 80:
            raise UserError(f"{name[:80]!r} cannot be a name: letters, digits, - _ and . are expected, 80 at most.")
        place = self.folder / below / f"{plain}{suffix}"
        number = 2
        while place.exists():
            place = self.folder / below / f"{plain}-{number}{suffix}"
            number += 1
        return place
