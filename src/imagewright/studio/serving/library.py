"""What lies under the studio's folder: runs, sources of pictures and face sets, each by an id that holds no path."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imagewright.errors import ImagewrightError
from imagewright.images.arrangement import FACE_TABLE
from imagewright.images.sources.builtin import BUILTIN
from imagewright.images.sources.listing import is_picture_name
from imagewright.images.sources.system_files import is_system_folder
from imagewright.images.sources.video import VIDEO_SUFFIXES
from imagewright.runs.places import RECORD
from imagewright.runs.run import Run
from imagewright.wording import in_page

Kind = Literal["run", "pictures", "faces", "video", "archive", "builtin"]
ARCHIVES = (".zip", ".npz")
DROPPED = "pictures"  # the folder of sources that were dropped into a page: they are no classes of one another
SORTED = "sorted.csv"  # in a folder of sorted ones
DEEPEST = 5  # folders below the studio's folder that are searched
MOST_ENTRIES = 400_000  # of all folders together; what is beyond is not listed, which is said
FRESH_SECONDS = 2.0  # for which a listing is used again
UNKNOWN_SECONDS = 0.2  # the same, for an id that it does not have


class NotThereError(ImagewrightError):
    """An id that names nothing under the folder, or nothing any more."""

    exit_code = 2


@dataclass(frozen=True)
class LibraryItem:
    """A run or a source.

    id: follows from its name alone, so that a link to it holds after a restart.
    name: the path below the studio's folder.
    path: for the tools; None of a set that is built in.
    pictures: how many pictures the folder holds, with those of its classes; None where that is not counted.
    classes: sub-folders with pictures.
    """

    id: str
    kind: Kind
    name: str
    path: Path | None
    pictures: int | None = None
    classes: int = 0

    @property
    def source(self) -> str:
        """What `open_images` and commands take."""
        return self.name if self.path is None else str(self.path)


@dataclass
class _Listing:
    found: dict[str, LibraryItem] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    entries: int = 0
    links: int = 0


def id_of(name: str) -> str:
    """The id of what has this name."""
    return hashlib.blake2b(os.fsencode(name), digest_size=6).hexdigest()


class Library:
    """The runs and sources under a folder, listed anew when asked, at most every few seconds.

    folder: the studio's folder. Links that lead out of it are not followed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._listing = _Listing()
        self._listed = -FRESH_SECONDS
        self._changes = self._seen = 0  # that were told, and those before the listing began
        self._lock = threading.Lock()

    def runs(self) -> list[LibraryItem]:
        """All runs, by name."""
        return [each for each in self._list().found.values() if each.kind == "run"]

    def sources(self) -> list[LibraryItem]:
        """All sources of pictures, by name; the built-in sets last."""
        return [each for each in self._list().found.values() if each.kind != "run"]

    def notes(self) -> list[str]:
        """Sentences on what was left out."""
        return self._list().notes

    def refresh(self) -> None:
        """Forget the listing, also one that is being made: something was added."""
        self._changes += 1

    def run(self, key: str) -> Run:
        """The run with an id. Raises `NotThereError`, and `RunError` for a damaged one."""
        return Run(self.path_of(key, "run"))

    def source(self, key: str) -> LibraryItem:
        """The source with an id. Raises `NotThereError`."""
        found = self._find(key)
        if found is None or found.kind == "run":
            raise NotThereError("These pictures are no longer in the studio's folder: they were moved or removed.")
        return found

    def path_of(self, key: str, kind: Kind) -> Path:
        """The path of what has an id. Raises `NotThereError`."""
        found = self._find(key)
        if found is None or found.kind != kind or found.path is None:
            raise NotThereError(f"This {kind} is no longer in the studio's folder: it was moved or removed.")
        return found.path

    def _find(self, key: str) -> LibraryItem | None:
        """What has an id now. The folder is listed anew for an id that is not known: it may be of a new run."""
        found = self._listing.found.get(key) or self._list(UNKNOWN_SECONDS).found.get(key)
        if found is None or found.path is None:
            return found
        return found if found.path.exists() and found.path.resolve().is_relative_to(self.folder) else None

    def name_of(self, path: Path) -> str:
        """A path below the studio's folder as pages show it; of another one its last part."""
        resolved = path.resolve()
        inside = resolved.is_relative_to(self.folder)
        return resolved.relative_to(self.folder).as_posix() if inside else resolved.name

    def without_folder(self, text: str) -> str:
        """A sentence of the package as pages show it: paths below the studio's folder, options as forms call them."""
        return in_page(without_folder(text, self.folder))

    def _list(self, fresh: float = FRESH_SECONDS) -> _Listing:
        """The listing, if it is not older than so many seconds, or a new one."""
        with self._lock:
            if self._seen != self._changes or time.monotonic() - self._listed > fresh:
                listing, self._seen = _Listing(), self._changes
                if not os.access(self.folder, os.R_OK):
                    listing.notes.append("The studio's folder cannot be read any more: it was moved or removed.")
                for each in sorted(self._search(self.folder, 0, listing), key=lambda each: each.name.casefold()):
                    listing.found[each.id] = each
                for name in BUILTIN:
                    listing.found[f"builtin-{name}"] = LibraryItem(f"builtin-{name}", "builtin", name, None)
                listing.notes += _notes_on(listing)
                self._listing, self._listed = listing, time.monotonic()
            return self._listing

    def _search(self, folder: Path, depth: int, listing: _Listing) -> Iterator[LibraryItem]:
        folders, pictures, names = self._read(folder, listing)
        name = folder.relative_to(self.folder).as_posix()
        if RECORD in names:
            yield LibraryItem(id_of(name), "run", name, folder)
            return
        for file in names:
            suffix = os.path.splitext(file)[1].lower()
            if file.startswith("."):  # one that arrives just now
                continue
            if suffix in VIDEO_SUFFIXES or suffix in ARCHIVES:
                path = f"{name}/{file}" if depth else file
                yield LibraryItem(id_of(path), "video" if suffix in VIDEO_SUFFIXES else "archive", path, folder / file)
        inner = [found for each in folders if depth < DEEPEST for found in self._search(each, depth + 1, listing)]
        pictures -= _count_sheets(folder, folders, inner)
        direct = {each.name for each in folders}
        classes = [each for each in inner if each.kind == "pictures" and Path(each.name).name in direct]
        classes = [] if name == DROPPED else classes
        total = pictures + sum(each.pictures or 0 for each in classes)
        is_dropped = depth == 2 and folder.parent.name == DROPPED and folder.parent.parent == self.folder
        if is_dropped and not pictures and len(inner) == len(classes) == 1:  # of one class: it is known by its own name
            yield LibraryItem(id_of(name), "pictures", name, folder, total)
            return
        if FACE_TABLE in names and pictures:
            yield LibraryItem(id_of(name), "faces", name, folder, pictures)
        elif depth and (pictures or len(classes) > 1):
            yield LibraryItem(id_of(name), "pictures", name, folder, total, 0 if pictures else len(classes))
        elif pictures:
            yield LibraryItem(id_of("."), "pictures", ".", folder, pictures)
        yield from inner

    def _read(self, folder: Path, listing: _Listing) -> tuple[list[Path], int, set[str]]:
        """The folders inside, how many pictures there are, and the names of the other files."""
        folders, pictures, names = [], 0, set()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    listing.entries += 1
                    if listing.entries > MOST_ENTRIES:
                        break
                    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(self.folder):
                        listing.links += 1
                    elif entry.is_dir(follow_symlinks=False):
                        if not is_system_folder(entry.name):
                            folders.append(Path(entry.path))
                    elif is_picture_name(entry.name):
                        pictures += 1
                    else:
                        names.add(entry.name)
        except OSError:  # a folder that this user may not read, or that was just removed
            return [], 0, set()
        return sorted(folders), pictures, names


def without_folder(text: str, folder: Path) -> str:
    """A text in which places below a folder are named from there on."""
    return text.replace(f"{folder}{os.sep}", "")


def _count_sheets(folder: Path, folders: list[Path], inner: list[LibraryItem]) -> int:
    """The sheets that lie beside sets of pictures, faces or pairs, and beside sorted ones, under their names.

    They are no pictures to learn from.
    """
    sets = {each.path for each in inner if each.kind in ("faces", "pictures") and each.path is not None}
    sets |= {path.parent for path in sets if (path.parent / SORTED).is_file()}
    return sum(each in sets and (folder / f"{each.name}.png").is_file() for each in folders)


def _notes_on(listing: _Listing) -> list[str]:
    notes = []
    if listing.entries > MOST_ENTRIES:
        notes.append(f"The folder holds more than {MOST_ENTRIES:,} files: what lies beyond is not listed here.")
    if listing.links:
        notes.append(f"Links that lead out of the folder are not followed: {listing.links:,}.")
    return notes
