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
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np

from imagewright.errors import DataError
from imagewright.images.decoding.admitted import picture_suffixes
from imagewright.images.sources.passed_over import AGAIN, DEAD_LINK, FOLDER_AGAIN, LINK_ABOVE, NO_FILE, PassedOver
from imagewright.images.sources.system_files import is_system_folder

TABLE_ENDINGS = ("csv", "json", "jsonl")
TABLE_NAMES = tuple(
    f"{stem}.{end}" for stem in ("attributes", "labels", "metadata", "dataset") for end in TABLE_ENDINGS
)
"""Names of label tables, which are looked for in and beside a source."""
NOT_LINKED, HARD, SYMBOLIC = 0, 1, 2
"""Whether a name is the only one of its file, one of several (a hard link), or a symbolic link."""
_ODD = 0x9E3779B97F4A7C15  # spreads the numbers of devices over 64 bits


def is_picture_name(name: str) -> bool:
    """Whether a file name has the suffix of a picture format, and is not hidden."""
    return os.path.splitext(name)[1].lower() in picture_suffixes() and not name.rpartition("/")[2].startswith(".")


class Listing:
    """The pictures of a source in a fixed order: by directory, then by the bytes of the name.

    Attributes:
        sizes: int64 (N,), bytes of each picture.
        times: int64 (N,), nanoseconds, 0 if unknown.
        directory_ids: int32 (N,), places in `directories`.
        directories: the relative paths of the directories.
        passed_over: the other files that were seen, by kind.
        system_folders: hidden folders and those of the system, which were passed over, by name.
        files: uint64 (N, 2) of a folder: what tells one file from another (its device and inode), and one state of it
            from the next (the time of the last change of its inode, in nanoseconds, which no program sets). None of
            archives.
        links: uint8 (N,), `NOT_LINKED`, `HARD` or `SYMBOLIC`.
    """

    ARRAYS: ClassVar = ("names", "lengths", "directory_ids", "sizes")
    """The arrays of `to_arrays`, which with `directories` are a whole listing without times."""

    def __init__(self) -> None:
        self.directories: list[str] = []
        self.passed_over = PassedOver()
        self.system_folders: Counter[str] = Counter()
        self.files: np.ndarray | None = None
        self.links = np.empty(0, np.uint8)
        self._blob = bytearray()
        self._lengths = array("H")
        self._sizes = array("q")
        self._times = array("q")
        self._ids = array("i")
        self._files = array("Q")
        self._links = array("B")
        self._directory_numbers: dict[str, int] = {}

    @property
    def ignored(self) -> int:
        """How many files were passed over."""
        return self.passed_over.companions.total() + self.passed_over.others.total()

    def add(self, name: str, size: int, time: int = 0, file: tuple[int, int, int] | None = None) -> None:
        """Add one picture by its relative posix name. `file`: a row of `files` and of `links`, for all or for none."""
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
        if file is not None:
            self._files.extend(file[:2])
            self._links.append(file[2])

    def finish(self, *, sort: bool) -> np.ndarray:
        """End the adding, and sort the pictures, or leave them in the order of adding.

        Returns int64 (N,): the place in the order of adding of each picture.
        """
        lengths = np.frombuffer(self._lengths, np.uint16).astype(np.int64)
        self.sizes = np.array(self._sizes, np.int64)
        self.times = np.array(self._times, np.int64)
        self.directory_ids = np.array(self._ids, np.int32)
        if len(self._files):
            self.files = np.array(self._files, np.uint64).reshape(-1, 2)
        self.links = np.array(self._links, np.uint8)
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
            if self.files is not None:
                self.files, self.links = self.files[order], self.links[order]
        self._offsets = np.concatenate(([0], np.cumsum(lengths)))
        self._names = bytes(self._blob)
        del self._blob, self._lengths, self._sizes, self._times, self._ids, self._files, self._links
        del self._directory_numbers
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
        chosen.directories, chosen.passed_over = self.directories, self.passed_over
        chosen.system_folders = self.system_folders
        chosen.files = None if self.files is None else self.files[indices]
        chosen.links = self.links if self.files is None else self.links[indices]
        chosen.sizes, chosen.times = self.sizes[indices], self.times[indices]
        chosen.directory_ids = self.directory_ids[indices]
        starts, lengths = self._offsets[indices], np.diff(self._offsets)[indices]
        chosen._offsets = np.concatenate(([0], np.cumsum(lengths)))
        positions = np.repeat(starts - chosen._offsets[:-1], lengths) + np.arange(chosen._offsets[-1])
        chosen._names = np.frombuffer(self._names, np.uint8)[positions].tobytes()
        return chosen

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The base names one after the other (uint8), their lengths, the directory and the bytes of each picture."""
        names = np.frombuffer(self._names, np.uint8)
        return dict(zip(self.ARRAYS, (names, np.diff(self._offsets), self.directory_ids, self.sizes), strict=True))

    @classmethod
    def from_arrays(cls, directories: list[str], arrays: dict[str, np.ndarray]) -> Listing:
        """A listing from `directories` and the result of `to_arrays`. Raises `ValueError` if they do not fit."""
        listing = cls()
        names, lengths, ids, sizes = (arrays[name] for name in cls.ARRAYS)
        whole = all(each.dtype.kind == "i" and each.shape == sizes.shape for each in (lengths, ids, sizes))
        if not (whole and sizes.ndim == 1 and names.dtype == np.uint8 and names.ndim == 1 and len(sizes)):
            raise ValueError("the arrays of its names are of other types or lengths")
        within = 0 <= ids.min() <= ids.max() < len(directories) and 0 < lengths.min() <= lengths.max() < 2**16
        if not within or int(lengths.sum()) != len(names):
            raise ValueError("its names do not fit their lengths")
        listing.finish(sort=False)
        listing.directories = list(directories)
        listing.sizes, listing.times = sizes.astype(np.int64), np.zeros(len(sizes), np.int64)
        listing.directory_ids = ids.astype(np.int32)
        listing._offsets = np.concatenate(([0], np.cumsum(lengths.astype(np.int64))))
        listing._names = names.tobytes()
        return listing

    def without_repeats(self) -> Listing:
        """The pictures of a folder, each file once: of several links to it the name that is no link, else the first.

        The names that are left out are counted in `passed_over`.
        """
        if self.files is None or not self.links.any():
            return self
        # Few names of a large folder are links, or lead to a file that a link leads to.
        keys = self.files[:, 0]
        candidates = np.flatnonzero(np.isin(keys, keys[self.links != NOT_LINKED]))
        order = candidates[np.lexsort((candidates, self.links[candidates] == SYMBOLIC, keys[candidates]))]
        again = np.sort(order[1:][keys[order[1:]] == keys[order[:-1]]])
        for index in again.tolist():
            self.passed_over.add(AGAIN, self.name(index))
        return self.select(np.delete(np.arange(len(self)), again)) if len(again) else self

    def digest(self, *, times: bool = True) -> str:
        """Hex digest of names and sizes, and of times if they are wanted."""
        parts = hashlib.blake2b(digest_size=16)
        parts.update("\0".join(self.directories).encode("utf-8", "surrogateescape"))
        for values in (self.directory_ids, self._offsets, self.sizes, *((self.times,) if times else ())):
            parts.update(values.tobytes())
        parts.update(self._names)
        return parts.hexdigest()


def scan_folder(root: Path) -> tuple[Listing, list[Path]]:
    """List the pictures under `root`, each directory read once with `os.scandir`.

    Links to files and to directories are followed; a directory that is reached twice is read once, by the path that is
    no link if there is one. Links to `root` and to the folders above it are not followed. Hidden entries and folders of
    the system (`__MACOSX`, `@eaDir` ...) are left out. Also returns the other files directly in `root` (archives, label
    files).
    """
    scan = _FolderScan(root)
    while (relative := scan.next_directory()) is not None:
        try:
            with os.scandir(root / relative) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"The folder {root / relative} cannot be read: {error.strerror}.") from error
        for entry in entries:
            if is_system_folder(entry.name):  # or a hidden file
                scan.listing.system_folders[entry.name] += entry.is_dir()
                continue
            scan.add(entry, f"{relative}/{entry.name}" if relative else entry.name)
    scan.listing.finish(sort=True)
    return scan.listing, sorted(scan.others)


class _FolderScan:
    """The state of a scan: what was found, and the directories that are still to be read."""

    def __init__(self, root: Path) -> None:
        self.root, self.listing = root, Listing()
        self.others: list[Path] = []
        self._above = _folders_above(root)
        self._seen: set[tuple[int, int]] = set()
        self._pending, self._links = [""], deque[tuple[str, tuple[int, int]]]()

    def next_directory(self) -> str | None:
        """The next directory to read; those that are reached by a link come after all others."""
        if self._pending:
            return self._pending.pop()
        while self._links:
            name, identity = self._links.popleft()
            if identity not in self._seen:
                self._seen.add(identity)
                return name
            self.listing.passed_over.add(FOLDER_AGAIN, name)
        return None

    def add(self, entry: os.DirEntry[str], name: str) -> None:
        """Take in one entry of a directory, by its name relative to the root."""
        try:
            status = entry.stat()
        except OSError:  # a dead link, or a file removed in between
            self.listing.passed_over.add(DEAD_LINK, name)
            return
        if stat.S_ISDIR(status.st_mode):
            self._add_directory(name, (status.st_dev, status.st_ino), linked=entry.is_symlink())
        elif not stat.S_ISREG(status.st_mode):
            self.listing.passed_over.add(NO_FILE, name)
        elif is_picture_name(entry.name):
            self.listing.add(name, status.st_size, status.st_mtime_ns, _file_row(entry, status))
        else:
            self.listing.passed_over.add_file(name)
            if "/" not in name:
                self.others.append(self.root / name)

    def _add_directory(self, name: str, identity: tuple[int, int], *, linked: bool) -> None:
        if identity in self._above:
            self.listing.passed_over.add(LINK_ABOVE, name)
        elif linked:
            self._links.append((name, identity))
        else:
            self._seen.add(identity)
            self._pending.append(name)


def list_file(path: Path) -> Listing:
    """The listing of a single picture file, whose folder is the root."""
    status, listing = path.stat(), Listing()
    listing.add(path.name, status.st_size, status.st_mtime_ns)
    listing.finish(sort=True)
    return listing


def _folders_above(root: Path) -> set[tuple[int, int]]:
    """(device, inode) of a folder and of the folders above it."""
    found = set()
    with suppress(OSError):
        whole = root.resolve()
        for folder in (whole, *whole.parents):
            status = folder.stat()
            if status.st_ino:
                found.add((status.st_dev, status.st_ino))
    return found


def _file_row(entry: os.DirEntry[str], status: os.stat_result) -> tuple[int, int, int]:
    """A row of `Listing.files`, and how the name leads to the file."""
    kind = SYMBOLIC if entry.is_symlink() else HARD if status.st_nlink > 1 else NOT_LINKED
    if not status.st_ino:  # a system without inodes cannot tell which names lead to one file
        kind = NOT_LINKED
    return (status.st_dev * _ODD ^ status.st_ino) % 2**64, status.st_ctime_ns % 2**64, kind
