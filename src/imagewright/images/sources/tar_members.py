"""Reading the members of a tar file from its start to its end, with damage that is told and sizes that are bounded.

Python's tarfile takes a header that it cannot read, or none, for the end of the file, so that a damaged or cut file
would lose all that follows. Here such a header is an error, and what lacks or follows the end mark is told.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from imagewright.archives import refuse_bomb
from imagewright.errors import DataError, short_reason
from imagewright.images.sources.zip_directory import MEMBER_LIMIT, check_member_name

HEADER_LIMIT = 2**20  # bytes of a name or of a table of attributes in a header, which tarfile reads at once
CHUNK = 2**20
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open, b"]\0\0": lzma.open}
_EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


@contextmanager
def shard_errors(path: Path) -> Iterator[None]:
    """What goes wrong in the block as a `DataError` of one sentence."""
    try:
        yield
    except (
        tarfile.TarError,
        EOFError,
        gzip.BadGzipFile,
        zlib.error,
        lzma.LZMAError,
        OverflowError,
        RecursionError,
    ) as error:
        raise DataError(
            f"{path} is no tar file, or is cut short or damaged ({short_reason(error)}): fetch or pack it again."
        ) from error
    except FileNotFoundError as error:
        raise DataError(f"{path} vanished while its pictures were read.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or short_reason(error)}.") from error
    except DataError:
        raise
    except (ValueError, struct.error) as error:  # numbers in a header that are none
        raise DataError(f"{path} is damaged ({short_reason(error)}): fetch or pack it again.") from error


class _StrictHeader(tarfile.TarInfo):
    """A header that must be one, with bounded extensions: tarfile would stop without a word, or read gigabytes."""

    @classmethod
    def fromtarfile(cls, tarfile: Any) -> Any:
        return _read_header(super().fromtarfile, tarfile)

    def _proc_member(self, tarfile_: tarfile.TarFile) -> Any:
        if self.size < 0 or (self.type in _EXTENSIONS and self.size > HEADER_LIMIT):
            raise tarfile.ReadError(f"a header declares {self.size:,} bytes")
        return super()._proc_member(tarfile_)  # type: ignore[misc]


def _read_header(read: Any, shard: Any) -> tarfile.TarInfo:
    """The next header. A damaged one raises `ReadError`; at the end without a mark, `ends_unmarked` is set."""
    try:
        header: tarfile.TarInfo = read(shard)
    except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
        raise tarfile.ReadError(f"{error} at byte {shard.offset:,}") from None
    except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
        shard.ends_unmarked = shard.offset > 0
        raise
    return header


@contextmanager
def _open(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar file: a plain one is read by seeking from header to header, a compressed one as a stream."""
    with open(path, "rb") as file:
        start = file.read(6)
        file.seek(0)
        opener = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)
        if opener is None or path.suffix == ".tar":
            with tarfile.open(fileobj=file, mode="r:", tarinfo=_StrictHeader) as shard:
                yield shard
            return
        # These check the sums of the stream and its end, which tarfile's own streams do not.
        with opener(file) as unpacked, tarfile.open(fileobj=unpacked, mode="r|", tarinfo=_StrictHeader) as shard:
            yield shard


def members(path: Path, notes: list[str] | None = None) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The regular files of one shard, in its order, without links and devices.

    notes: gets sentences on an end that is missing, or that is followed by more.
    Raises `DataError` for a damaged file and for unsafe names.
    """
    with shard_errors(path), _open(path) as shard:
        while (member := shard.next()) is not None:
            shard.members = []  # type: ignore[attr-defined]  # tarfile would store an object for each member
            check_member_name(member.name, path)
            refuse_bomb(path, shard.offset)
            if not member.isreg() or member.issparse():
                continue
            if member.size > MEMBER_LIMIT:
                raise DataError(
                    f"{path}: {member.name} declares {member.size:,} bytes; over {MEMBER_LIMIT:,} is refused."
                )
            yield shard, member
        note = _read_end(path, shard)
        if note and notes is not None:
            notes.append(note)


def _read_end(path: Path, shard: tarfile.TarFile) -> str:
    """Read what follows the last member, which also checks the sums of a compressed file; a note on what is wrong.

    Raises `ReadError` if more follows a single block of zeros, which is a damaged header: an end mark has two.
    """
    stream: IO[bytes] = shard.fileobj  # type: ignore[assignment]
    if getattr(shard, "ends_unmarked", False):
        return (
            f"{path.name} has no end mark: it may be cut short after its last member. If pictures are missing, fetch "
            "or pack it again."
        )
    behind, read, is_mark = 0, 0, not any(second := stream.read(tarfile.BLOCKSIZE))
    if not is_mark:
        raise tarfile.ReadError(f"zeros for a header at byte {shard.offset:,}, and {len(second):,} bytes or more after")
    while chunk := stream.read(CHUNK):
        read += len(chunk)
        refuse_bomb(path, shard.offset + read)
        filled = len(chunk.rstrip(b"\0"))
        behind = read - len(chunk) + filled if filled else behind
    if behind:
        return (
            f"{path.name} has {behind:,} bytes after its end mark, which were not read: if they are a further tar "
            "file, or if the mark is damage, unpack and pack it again."
        )
    return ""
