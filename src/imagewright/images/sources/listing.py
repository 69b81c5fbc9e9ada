"""Compact listings of sources: a million names are a few arrays, never a million objects.

A name has two parts, the directory (an index into a small table) and the base name (bytes in one blob). 1,000,000 files
named `000001.jpg` take 38 MiB: 10 for names, 15 for sizes and times, 12 for offsets and directory numbers. Sorting them
takes three times that for a moment.
"""

from __future__ import annotations

import hashlib
import os
import stat
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.images.sources.system_files import is_system_folder

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif"}
    | {".pgm", ".ppm", ".pbm", ".pnm"}
)


def is_picture_name(name: str) -> bool:
    """Whether a file name has the suffix of a picture format, and is not hidden."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES and not name.rpartition("/")[2].startswith(".")


class Listing:
    """The pictures of a source in a fixed order: by directory, then by the bytes of the name.

    Attributes:
        sizes: int64 (N,), bytes of each picture.
        times: int64 (N,), nanoseconds, 0 if unknown.
        directory_ids: int32 (N,), places in `directories`.
        directories: the relative paths of the directories.
        ignored: how many other files were seen.
        system_folders: hidden folders and those of the system, which were passed over, by name.
    """

    def __init__(self) -> None:
        self.directories: list[str] = []
        self.ignored = 0
        self.system_folders: Counter[str] = Counter()
        self._blob = bytearray()
        self._lengths = array("H")
        self._sizes = array("q")
        self._times = array("q")
        self._ids = array("i")
        self._directory_numbers: dict[str, int] = {}

    def add(self, name: str, size: int, time: int = 0) -> None:
        """Add one picture by its relative posix name."""
        directory, _, base = name.rpartition("/")
        number = self._directory_numbers.get(directory)
        if number is None:
            number = self._directory_numbers[directory] = len(self.directories)
            self.directories.append(directory)
        encoded = os.fsencode(base)
        self._blob += encoded
        self._lengths.append(len(encoded))
        self._sizes.append(size)
        self._times.append(time)
        self._ids.append(number)

    def finish(self, *, sort: bool) -> np.ndarray:
        """End the adding, and sort the pictures, or leave them in the order of adding.

        Returns int64 (N,): the place in the order of adding of each picture.
        """
        lengths = np.frombuffer(self._lengths, np.uint16).astype(np.int64)
        self.sizes = np.array(self._sizes, np.int64)
        self.times = np.array(self._times, np.int64)
        self.directory_ids = np.array(self._ids, np.int32)
        order = np.arange(len(lengths))
        if sort and len(lengths):
            width = int(lengths.max())
            used = np.arange(width) < lengths[:, None]
            padded = np.zeros((len(lengths), width), np.uint8)
            padded[used] = np.frombuffer(self._blob, np.uint8)
            rank_of = np.argsort(np.argsort(np.array(self.directories)))
            order = np.lexsort((padded.view(f"S{width}")[:, 0], rank_of[self.directory_ids]))
            self._blob = bytearray(padded[order][used[order]].tobytes())
            lengths, self.sizes, self.times = lengths[order], self.sizes[order], self.times[order]
            self.directory_ids = self.directory_ids[order]
        self._offsets = np.concatenate(([0], np.cumsum(lengths)))
        self._names = bytes(self._blob)
        del self._blob, self._lengths, self._sizes, self._times, self._ids, self._directory_numbers
        return order

    def __len__(self) -> int:
        return len(self.sizes)

    def base_name(self, index: int) -> str:
        """The name of picture `index` without its directory."""
        return os.fsdecode(self._names[self._offsets[index] : self._offsets[index + 1]])

    def name(self, index: int) -> str:
        """The relative posix name of picture `index`."""
        directory = self.directories[self.directory_ids[index]]
        return f"{directory}/{self.base_name(index)}" if directory else self.base_name(index)

    def names(self) -> Iterator[str]:
        """All names in order, one at a time."""
        return (self.name(index) for index in range(len(self)))

    def select(self, indices: np.ndarray) -> Listing:
        """A listing of the pictures `indices` (int64), in that order."""
        chosen = Listing.__new__(Listing)
        chosen.directories, chosen.ignored = self.directories, self.ignored
        chosen.system_folders = self.system_folders
        chosen.sizes, chosen.times = self.sizes[indices], self.times[indices]
        chosen.directory_ids = self.directory_ids[indices]
        starts, lengths = self._offsets[indices], np.diff(self._offsets)[indices]
        chosen._offsets = np.concatenate(([0], np.cumsum(lengths)))
        positions = np.repeat(starts - chosen._offsets[:-1], lengths) + np.arange(chosen._offsets[-1])
        chosen._names = np.frombuffer(self._names, np.uint8)[positions].tobytes()
        return chosen

    def digest(self) -> str:
        """Hex digest of names, sizes and times."""
        parts = hashlib.blake2b(digest_size=16)
        parts.update("\0".join(self.directories).encode("utf-8", "surrogateescape"))
        for values in (self.directory_ids, self._offsets, self.sizes, self.times):
            parts.update(values.tobytes())
        parts.update(self._names)
        return parts.hexdigest()


def scan_folder(root: Path) -> tuple[Listing, list[Path]]:
    """List the pictures under `root`, each directory read once with `os.scandir`.

    Links to files and to directories are followed; a directory that is reached twice is read once. Hidden entries and
    folders of the system (`__MACOSX`, `@eaDir` ...) are left out. Also returns the other files directly in `root`
    (archives, label files).
    """
    listing, others = Listing(), []
    pending, seen = [""], set()
    while pending:
        relative = pending.pop()
        try:
            entries = os.scandir(root / relative)
        except OSError as error:
            raise DataError(f"The folder {root / relative} cannot be read: {error.strerror}.") from error
        with entries:
            for entry in entries:
                if is_system_folder(entry.name):  # or a hidden file
                    listing.system_folders[entry.name] += entry.is_dir()
                    continue
                name = f"{relative}/{entry.name}" if relative else entry.name
                try:
                    status = entry.stat()
                except OSError:  # a dead link, or a file removed in between
                    listing.ignored += 1
                    continue
                if stat.S_ISDIR(status.st_mode):
                    identity = (status.st_dev, status.st_ino)
                    if identity not in seen:
                        seen.add(identity)
                        pending.append(name)
                elif stat.S_ISREG(status.st_mode) and is_picture_name(entry.name):
                    listing.add(name, status.st_size, status.st_mtime_ns)
                else:
                    listing.ignored += 1
                    if not relative:
                        others.append(root / entry.name)
    listing.finish(sort=True)
    return listing, sorted(others)


def list_file(path: Path) -> Listing:
    """The listing of a single picture file, whose folder is the root."""
    status, listing = path.stat(), Listing()
    listing.add(path.name, status.st_size, status.st_mtime_ns)
    listing.finish(sort=True)
    return listing
