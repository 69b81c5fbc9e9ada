"""The central directory of a zip file, read into a few arrays, without an object for each member.

Layout: APPNOTE.TXT of PKWARE, sections 4.3.7 (local header), 4.3.12 (central directory).
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from imagewright.archives import find_zip_directory, refuse_bomb
from imagewright.errors import DataError
from imagewright.images.sources.listing import TABLE_NAMES, Listing, is_picture_name
from imagewright.images.sources.system_files import system_folder_of

MEMBER_LIMIT = 2**28
"""A member that declares more bytes than this (256 MiB) is refused: no picture is so large."""
LONGEST_NAME = 1024
"""Bytes of a name in an archive: no file system has longer ones, and sorting sets aside as many for each name."""
STORED, DEFLATED = 0, 8
UNICODE_PATH = 0x7075  # the kind of an extra field

_ENTRY = struct.Struct("<4s6H3I5H2I")


class ZipMember(NamedTuple):
    """The place of a member: its local header, bytes packed and unpacked, CRC-32, method and flags."""

    offset: int
    packed: int
    size: int
    checksum: int
    method: int
    flags: int = 0


@dataclass
class ZipDirectory:
    """The pictures of a zip file, sorted by name.

    Attributes:
        listing: names and uncompressed sizes; the arrays below have the same order.
        packed: int64 (N,), compressed sizes in bytes.
        checksums: uint32 (N,), CRC-32.
        methods: uint8 (N,), compression methods.
        offsets: int64 (N,), of the local headers.
        tables: label tables at the top, or in a folder at the top, by name.
        links: how many links were left out.
    """

    listing: Listing
    packed: np.ndarray
    checksums: np.ndarray
    methods: np.ndarray
    offsets: np.ndarray
    tables: dict[str, ZipMember]
    links: int

    def digest(self) -> str:
        """Hex digest of the names, sizes, checksums and places of all pictures."""
        parts = hashlib.blake2b(self.listing.digest(times=False).encode(), digest_size=16)
        for values in (self.packed, self.checksums, self.methods, self.offsets):
            parts.update(values.tobytes())
        return parts.hexdigest()


def check_member_name(name: str, archive: Path) -> None:
    """Raise `DataError` for a name that would leave the folder if unpacked: absolute, with a drive, or with `..`."""
    if len(name) > LONGEST_NAME:
        raise DataError(f"{archive} has a member with a name of {len(name):,} characters: it is refused.")
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or (len(parts[0]) == 2 and parts[0][1] == ":"):
        raise DataError(f"{archive} has a member named {name[:80]!r}, which points outside the archive: it is refused.")


def read_zip_directory(path: Path) -> ZipDirectory:
    """List the pictures of a zip file. Raises `DataError` if it is no zip, cut short, encrypted, a bomb, or unsafe."""
    try:
        with open(path, "rb") as file:
            return _read(file, path)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} cannot be read: {error}. Fetch or pack it again.") from error
    except (struct.error, OverflowError) as error:
        raise DataError(f"{path} is a damaged zip file: its directory is cut short. Fetch or pack it again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _read(file: BinaryIO, path: Path) -> ZipDirectory:
    count, size, offset, shift = find_zip_directory(file)
    file.seek(offset + shift)
    directory = file.read(size)
    listing = Listing()
    packed, checksums, methods, offsets = array("q"), array("L"), array("B"), array("q")
    tables: dict[str, ZipMember] = {}
    system: dict[str, str] = {}
    links, position, total = 0, 0, 0
    for _ in range(count):
        entry = _ENTRY.unpack_from(directory, position)
        if entry[0] != b"PK\x01\x02":
            raise DataError(f"{path} is a damaged zip file: entry {len(offsets)} of its directory is not one.")
        flags, method, checksum, packed_size, full_size = entry[3], entry[4], entry[7], entry[8], entry[9]
        name_end = position + _ENTRY.size + entry[10]
        raw_name = directory[position + _ENTRY.size : name_end]
        extra = directory[name_end : name_end + entry[11]]
        position = name_end + entry[11] + entry[12]
        name = _decode_name(raw_name, flags, extra).rstrip("\0")
        if "\0" in name:
            raise DataError(f"{path} has a member with a zero byte in its name: it is refused.")
        check_member_name(name, path)
        full_size, packed_size, header = _wide(extra, full_size, packed_size, entry[16])
        member = ZipMember(header + shift, packed_size, full_size, checksum, method, flags)
        total += full_size
        if stat.S_ISLNK(entry[15] >> 16) and entry[1] >> 8 == 3:
            links += 1
            continue
        if (folder := system_folder_of(name)) is not None:
            system.setdefault(name.partition(f"{folder}/")[0] + folder, folder)
            continue
        if name.endswith("/"):
            continue
        if not is_picture_name(name):
            if not name.rpartition("/")[2].startswith("."):
                listing.passed_over.add_file(name)
            if name.count("/") <= 1 and name.rpartition("/")[2] in TABLE_NAMES:
                tables[name] = member
            continue
        check_member(path, name, member)
        listing.add(name.replace("\\", "/"), full_size)
        packed.append(packed_size)
        checksums.append(checksum)
        methods.append(method)
        offsets.append(member.offset)
    refuse_bomb(path, total)
    listing.system_folders.update(system.values())
    order = listing.finish(sort=True)
    return ZipDirectory(
        listing,
        np.array(packed, np.int64)[order],
        np.array(checksums, np.uint32)[order],
        np.array(methods, np.uint8)[order],
        np.array(offsets, np.int64)[order],
        tables,
        links,
    )


def _decode_name(raw: bytes, flags: int, extra: bytes) -> str:
    """The name of a member: UTF-8 if it is flagged so or is valid as such, else code page 437 (APPNOTE, appendix D).

    Many programs write UTF-8 without the flag. Others add the name as a field of its own (Info-ZIP's 0x7075).
    """
    if flags & 0x800:
        return raw.decode("utf-8", "surrogateescape")
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        field = extra[position + 4 : position + 4 + length]
        if kind == UNICODE_PATH and field[:1] == b"\x01" and field[1:5] == struct.pack("<I", zlib.crc32(raw)):
            return field[5:].decode("utf-8", "surrogateescape")
        position += 4 + length
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def check_member(path: Path, name: str, member: ZipMember) -> None:
    """Raise `DataError` for a member that is encrypted, packed by another method, or too large."""
    if member.flags & 1:
        raise DataError(f"{path} is encrypted (member {name}): unpack it with its password, and open the folder.")
    if member.method not in {STORED, DEFLATED}:
        raise DataError(
            f"{path}: {name} is packed by method {member.method}; only stored and deflate are read. Pack it again."
        )
    if member.size > MEMBER_LIMIT:
        raise DataError(
            f"{path}: {name} declares {member.size:,} bytes unpacked; over {MEMBER_LIMIT:,} is refused as a bomb."
        )


def _wide(extra: bytes, full_size: int, packed_size: int, header: int) -> tuple[int, int, int]:
    """The sizes and the offset; in 64 bits from the extra field 1 if the 32-bit fields are all ones."""
    values = [full_size, packed_size, header]
    if 0xFFFFFFFF not in values:
        return full_size, packed_size, header
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        position += 4
        if kind == 1:
            at = position
            for number, value in enumerate(values):
                if value == 0xFFFFFFFF:
                    (values[number],) = struct.unpack_from("<Q", extra, at)
                    at += 8
        position += length
    return values[0], values[1], values[2]
