"""A zip file of pictures, read in place, without unpacking to the disk."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.images.decoding.admitted import formats_read
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.unreadable import Unreachable
from imagewright.images.folders import arrange_folders
from imagewright.images.sources.base import ListedSource, Picture, digest
from imagewright.images.sources.name_filter import ALL_NAMES, NameFilter
from imagewright.images.sources.system_files import note_on_system_folders
from imagewright.images.sources.zip_directory import MEMBER_LIMIT, STORED, ZipMember, check_member, read_zip_directory

_LOCAL = struct.Struct("<4s5H3I2H")


class ZipSource(ListedSource):
    """The pictures of a zip file. The identity digests the members' names, sizes and CRC-32."""

    def __init__(self, typed: str, path: Path, split: str | None, names: NameFilter = ALL_NAMES) -> None:
        found = read_zip_directory(path)
        if len(found.listing) == 0:
            raise DataError(f"{path} holds no pictures ({formats_read()}){found.listing.passed_over.sentence()}")
        # A zip listing has no times: their field carries the positions through the choice of a split.
        found.listing.times = np.arange(len(found.listing))
        chosen, annotations, notes = arrange_folders(found.listing, split, str(path), names)
        super().__init__(typed, path, chosen)
        places = chosen.times
        self.annotations, self.tables = annotations, found.tables
        self.names_taken = names
        system = note_on_system_folders(chosen.system_folders)
        self.notes += [*found.listing.passed_over.notes(typed), *notes, *system]
        if found.links:
            self.notes.append(f"Links in {path.name}, left out: {found.links:,}.")
        self._packed, self._checksums = found.packed[places], found.checksums[places]
        self._methods, self._offsets = found.methods[places], found.offsets[places]
        status = path.stat()
        self._state, self._directory = (status.st_size, status.st_mtime_ns), found.digest()
        self.identity = digest(chosen.digest(times=False), self._checksums)

    def read_table(self, name: str) -> bytes:
        """The bytes of one of `tables`. Raises `DataError` if it is damaged, encrypted, or too large."""
        member = self.tables[name]
        check_member(self.root, name, member)
        try:
            with open(self.root, "rb", buffering=0) as file:
                return _unpack(file.fileno(), member)
        except OSError as error:
            raise DataError(f"{self.root}: {name} cannot be read ({error.strerror}).") from error
        except Unreadable as reason:
            raise DataError(f"{self.root}: {name} cannot be read: {reason}.") from reason

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        try:
            file = open(self.root, "rb", buffering=0)  # noqa: SIM115 - the generator closes it below
        except OSError as error:
            raise DataError(f"{self.root} vanished while its pictures were read ({error.strerror}).") from error
        with file:
            status = os.fstat(file.fileno())
            if (status.st_size, status.st_mtime_ns) != self._state:
                if read_zip_directory(self.root).digest() != self._directory:
                    raise DataError(f"{self.root} changed while its pictures were read: run again when it is whole.")
                self._state = (status.st_size, status.st_mtime_ns)  # only touched
            for index in indices:
                yield self._member(file.fileno(), int(index))

    def _member(self, descriptor: int, index: int) -> Picture:
        """A member with its checksum checked, or the reason why it cannot be read."""
        member = ZipMember(
            int(self._offsets[index]),
            int(self._packed[index]),
            int(self.listing.sizes[index]),
            int(self._checksums[index]),
            int(self._methods[index]),
        )
        try:
            return _unpack(descriptor, member)
        except Unreadable as reason:
            return reason
        except OSError as error:
            return Unreachable(f"the archive cannot be read here ({error.strerror})")


def _unpack(descriptor: int, member: ZipMember) -> bytes:
    """The bytes of a member. Raises `Unreadable` if they are not as many as declared, or have another checksum."""
    try:
        header = _LOCAL.unpack(os.pread(descriptor, _LOCAL.size, member.offset))
    except (struct.error, OverflowError) as error:
        raise Unreadable("the archive is damaged here (no member at its place)") from error
    if header[0] != b"PK\x03\x04" or member.packed > MEMBER_LIMIT:
        raise Unreadable("the archive is damaged here (no member at its place)")
    content = os.pread(descriptor, member.packed, member.offset + _LOCAL.size + header[9] + header[10])
    if member.method != STORED:
        try:
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
            # One byte more than declared shows that the size is false, and stops a decompression bomb.
            content = unpacker.decompress(content, member.size + 1)
        except zlib.error as error:
            raise Unreadable(f"the archive is damaged here ({error})") from error
    if len(content) != member.size:
        raise Unreadable(f"the archive declares {member.size:,} bytes and holds {len(content):,} or more")
    if zlib.crc32(content) != member.checksum:
        raise Unreadable("the archive is damaged here (the checksum differs)")
    return content
