"""Writing of one tar shard: members one after the other, with the places of the pictures, the size and the hash."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from imagewright.files import explain_write_errors
from imagewright.images.sources.content import sample_file
from imagewright.images.sources.shard_index import ShardEntry
from imagewright.shard_files.samples import PictureBytes

BLOCK = tarfile.BLOCKSIZE


@dataclass
class FileTally:
    """What the files of one kind have in common: how many have each (height, width), number of channels and format."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    deep: int = 0

    def add(self, picture: PictureBytes) -> None:
        """Count one file."""
        header = picture.header
        self.sizes[header.height, header.width] += 1
        self.channels[header.channels] += 1
        self.formats[header.format] += 1
        self.deep += header.deep


@dataclass
class WrittenShard:
    """What one shard holds.

    entry: for the index.
    places: of its samples in the set that is written, in the order of the shard.
    names, sizes, offsets: of the files of each sample, one list for each file.
    tallies: of the files, one for each.
    left_out: (place, reason) of pictures that cannot be read.
    """

    entry: ShardEntry
    places: list[int]
    names: list[list[str]]
    sizes: list[array[int]]
    offsets: list[array[int]]
    tallies: list[FileTally]
    left_out: list[tuple[int, str]]


class _Hashing(io.RawIOBase):
    """A file that is written from its start to its end, with the hash of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.size, self.hash = file, 0, hashlib.sha256()

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self.file.write(content)
        self.hash.update(content)
        self.size += len(content)
        return len(content)

    def tell(self) -> int:
        return self.size


class ShardWriter:
    """Writes one shard. Equal samples give equal bytes: members have no times and no owners.

    path: of the shard.
    file_names: what is between key and suffix of each file: "" of a plain picture, ".input" of a layer.
    """

    def __init__(self, path: Path, file_names: Sequence[str]) -> None:
        self.path, self.file_names = path, file_names
        self.places: list[int] = []
        self.left_out: list[tuple[int, str]] = []
        self._names: list[list[str]] = [[] for _ in file_names]
        self._sizes = [array("q") for _ in file_names]
        self._offsets = [array("q") for _ in file_names]
        self._tallies = [FileTally() for _ in file_names]

    def __enter__(self) -> Self:
        with explain_write_errors(self.path):
            self._file = self.path.open("wb")
        self._hashing = _Hashing(self._file)
        self._tar = tarfile.open(fileobj=self._hashing, mode="w", format=tarfile.GNU_FORMAT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, place: int, key: str, pictures: Sequence[PictureBytes], beside: Sequence[tuple[str, bytes]]) -> None:
        """Add one sample: its pictures, and then what is said beside them."""
        with explain_write_errors(self.path):
            for number, (between, picture) in enumerate(zip(self.file_names, pictures, strict=True)):
                name = f"{key}{between}{picture.suffix}"
                self._offsets[number].append(self._add_member(name, picture.content))
                self._names[number].append(name)
                self._sizes[number].append(len(picture.content))
                self._tallies[number].add(picture)
            for suffix, content in beside:
                self._add_member(f"{key}{suffix}", content)
        self.places.append(place)

    def _add_member(self, name: str, content: bytes) -> int:
        """Add a member; returns where its bytes begin."""
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))
        self._tar.members = []  # type: ignore[attr-defined]  # tarfile would store an object for each member
        return self._hashing.size - -(-len(content) // BLOCK) * BLOCK

    def finish(self) -> WrittenShard:
        """End the shard, and bring it to the disk."""
        with explain_write_errors(self.path):
            self._tar.close()
            self._file.flush()
            os.fsync(self._file.fileno())
        written = self._hashing
        entry = ShardEntry(
            self.path.name, len(self.places), written.size, written.hash.hexdigest(), sample_file(self.path).hex()
        )
        return WrittenShard(entry, self.places, self._names, self._sizes, self._offsets, self._tallies, self.left_out)
