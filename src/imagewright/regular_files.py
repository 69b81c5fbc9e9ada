"""Reading files that others may have put there: only regular ones, of a bounded size, with errors in plain words."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from imagewright.errors import RunError

_READ_FAULTS: dict[int, str] = {
    errno.EACCES: "there is no permission to read it",
    errno.EPERM: "there is no permission to read it",
    errno.EIO: "the disk reports an error",
    errno.ESTALE: "the file server has lost it",
    errno.ENOTDIR: "a part of that path is a file, not a folder",
    errno.EISDIR: "it is a folder, not a file",
    errno.ELOOP: "it is a link that leads back to itself",
}
# Kinds of what is no regular file. Reading one may wait for ever, as of a named pipe, or never end, as of /dev/zero.
_SPECIAL: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_kind(path: str | Path) -> str | None:
    """What a path leads to if that is no regular file, such as "a named pipe"; None for a file, or if there is nothing.

    Raises `OSError` if it cannot be told.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _special(mode)


def _special(mode: int) -> str | None:
    if stat.S_ISREG(mode):
        return None
    return next((kind for test, kind in _SPECIAL if test(mode)), "no regular file")


def check_regular(path: str | Path) -> None:
    """Raise `RunError` if a path leads to something that is no regular file, which reading might never end of."""
    with explain_read_errors(path):
        if (kind := special_kind(path)) is not None:
            raise RunError(f"{path} is {kind}, and a regular file was expected: remove it, or put the file there.")


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file to read bytes. Raises `RunError` for a pipe, a device, a folder and the like.

    Raises `FileNotFoundError` if nothing is there, `RunError` if the system does not let it be read.
    """
    check_regular(path)
    with explain_read_errors(path):
        # Not blocking, should a named pipe have taken the place of the file just now.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        if (kind := _special(os.fstat(descriptor).st_mode)) is not None:
            os.close(descriptor)
            raise RunError(f"{path} is {kind}, and a regular file was expected.")
        return os.fdopen(descriptor, "rb")


def read_regular(path: str | Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises as `open_regular`; `RunError` for a larger one."""
    with open_regular(path) as file, explain_read_errors(path):
        content = file.read(most + 1)
    if len(content) > most:
        raise RunError(f"{path} is larger than the {most:,} bytes that such a file may have: it is none, or damaged.")
    return content


@contextmanager
def explain_read_errors(path: str | Path) -> Iterator[None]:
    """Turn errors of the file system inside the block into a `RunError`; a file that is not there raises as it did."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno not in _READ_FAULTS:
            raise
        raise RunError(f"Cannot read {path}: {_READ_FAULTS[error.errno]}.") from error


def names_in(folder: str | Path) -> list[str]:
    """The sorted names in a folder; none if there is no folder. Raises `RunError` if it cannot be read."""
    try:
        with explain_read_errors(folder):
            return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
