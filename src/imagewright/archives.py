"""Archives from elsewhere: what they would unpack to is known and bounded before anything is unpacked.

Deflate packs a thousand equal bytes into one, so that a file of four megabytes can fill the memory of a machine.
"""

from __future__ import annotations

import math
import os
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from imagewright.errors import DataError, short_reason

BOMB_BYTES, BOMB_RATIO = 2**29, 200
"""A file that would unpack to more than this (512 MiB), and to more than this times its size, is not unpacked."""
LARGEST_DIRECTORY = 2**22  # bytes of the table of a zip file: 40,000 members, each of which becomes an object
LEAST_ENTRY = 46  # bytes of a member in that table, besides its name

_END_SIGNATURE = b"PK\x05\x06"
_END = struct.Struct("<4s4H2IH")
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")


def refuse_bomb(path: Path, unpacked: int, stored: int | None = None) -> None:
    """Raise `DataError` for a file that unpacks to far more bytes than it has.

    unpacked: the bytes that it declares or has given so far.
    stored: the bytes of the file, if they are known.
    """
    size = path.stat().st_size if stored is None else stored
    if unpacked > max(BOMB_BYTES, BOMB_RATIO * size):
        raise DataError(
            f"{path} would unpack to {unpacked:,} bytes, over {BOMB_RATIO} times its {size:,}: a decompression bomb, "
            "which is refused. If you trust it, unpack it yourself and store it without compression."
        )


def find_zip_directory(file: BinaryIO, *, commented: bool = True) -> tuple[int, int, int, int]:
    """(members, bytes of the directory, its offset, bytes before the archive) of a zip file, from its end.

    Layout: APPNOTE.TXT of PKWARE, sections 4.3.14 to 4.3.16. The 64-bit record counts if there is one, as it does for
    zipfile, and lies directly before its locator.

    commented: whether the signature of the record may occur after it, in the comment: zipfile would take that place.
    Raises `zipfile.BadZipFile`.
    """
    start = max(0, file.seek(0, os.SEEK_END) - _END.size - 65535)
    file.seek(start)
    tail = file.read()
    at = last = tail.rfind(_END_SIGNATURE)
    while at >= 0 and at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") != len(tail):
        at = tail.rfind(_END_SIGNATURE, 0, at)  # the comment of the true record ends with the file
    if at < 0 or (at != last and not commented):
        raise zipfile.BadZipFile("it is no zip file, or is cut short: no directory at its end")
    _, _, _, _, count, size, offset, _ = _END.unpack_from(tail, at)
    end = start + at
    file.seek(max(0, end - _END64.size - _END64_LOCATOR.size))
    wide = file.read(min(end, _END64.size + _END64_LOCATOR.size))
    if wide[-_END64_LOCATOR.size :].startswith(b"PK\x06\x07") and wide.startswith(b"PK\x06\x06"):
        count, size, offset = _END64.unpack_from(wide)[7:10]
        end -= len(wide)
    shift = end - size - offset
    if shift < 0 or size < count * LEAST_ENTRY:
        raise zipfile.BadZipFile("it is a damaged zip file: its directory does not fit")
    return count, size, offset, shift


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip file, open, whose table is of a bounded size. `refuse_bomb` of its `total_size` bounds the members.

    Raises `DataError` for a table without bounds; zipfile's own errors pass.
    """
    with open(path, "rb") as file:
        _, length, _, _ = find_zip_directory(file, commented=False)
        if length > LARGEST_DIRECTORY:
            raise DataError(f"{path} has a table of {length:,} bytes; more than {LARGEST_DIRECTORY:,} are not read.")
        with zipfile.ZipFile(file) as archive:
            yield archive


def total_size(archive: zipfile.ZipFile) -> int:
    """The bytes that all members declare to unpack to."""
    return sum(member.file_size for member in archive.infolist())


def read_member(archive: zipfile.ZipFile, member: str | zipfile.ZipInfo, size: int) -> bytes:
    """The bytes of a member. Raises `ValueError` if they are not `size`, before more than that is unpacked."""
    found = archive.getinfo(member) if isinstance(member, str) else member
    if found.file_size != size:
        raise ValueError(f"{found.filename!r} has {found.file_size:,} bytes instead of {size:,}")
    with archive.open(found) as stream:  # `archive.read` would unpack all that is there, whatever it declares
        content = stream.read(size + 1) if size else b""
    if len(content) != size:
        raise ValueError(f"{found.filename!r} has {len(content):,} bytes instead of {size:,}")
    return content


@dataclass(frozen=True)
class StoredArray:
    """What the header of an array in an .npz file says. `begins`: the bytes of the header, before the numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    begins: int
    member: zipfile.ZipInfo

    @property
    def size(self) -> int:
        """The bytes of the member, as shape and type tell."""
        return self.begins + math.prod(self.shape) * self.dtype.itemsize


class ArrayArchive:
    """An .npz file, open: the headers of its arrays are read, and its arrays when they are asked for.

    Attributes:
        path: of the file.
        headers: of each array, by name.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        self.headers: Mapping[str, StoredArray] = MappingProxyType(
            {name: self._read_header(member) for name, member in members.items()}
        )

    def read(self, name: str) -> np.ndarray:
        """An array. Raises `DataError` for Python objects, for a bomb, and for a header that contradicts the file."""
        header = self.headers[name]
        if header.dtype.hasobject:
            raise DataError(
                f"{self.path} cannot be read as an .npz of plain arrays: {name} holds Python objects, which are "
                "pickles and refused."
            )
        if header.size != header.member.file_size:
            raise DataError(
                f"{self.path} is damaged: {name} declares {header.shape} of {header.dtype}, which are {header.size:,} "
                f"bytes, and has {header.member.file_size:,}."
            )
        refuse_bomb(self.path, total_size(self._archive))
        with self._archive.open(header.member) as stream, _quiet():
            array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
        return array

    def _read_header(self, member: zipfile.ZipInfo) -> StoredArray:
        with self._archive.open(member) as stream, _quiet():
            version = np.lib.format.read_magic(stream)
            first = version == (1, 0)
            read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
            return StoredArray(shape, dtype, stream.tell(), member)


@contextmanager
def open_arrays(path: Path) -> Iterator[ArrayArchive]:
    """An .npz file for the block. Raises `DataError`, one sentence, for all that is wrong with it, inside it too."""
    try:
        with opened_zip(path) as archive:
            yield ArrayArchive(path, archive)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except Exception as error:  # noqa: BLE001 (a damaged file can raise anything)
        if _starts_as_npy(path):
            raise DataError(
                f"{path} is a single array (.npy), not an .npz file: save it by `numpy.savez(path, images=array)`."
            ) from None
        raise DataError(f"{path} cannot be read as .npz: {short_reason(error)}. Is it whole?") from None


def _starts_as_npy(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(6) == np.lib.format.MAGIC_PREFIX
    except OSError:
        return False


@contextmanager
def _quiet() -> Iterator[None]:
    """Without numpy's warning on headers of Python 2, which it reads all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
