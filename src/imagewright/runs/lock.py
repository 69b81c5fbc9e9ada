"""One training at a time in a run directory: two would write over each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagewright.errors import RunError
from imagewright.files import explain_write_errors

try:
    import fcntl
except ImportError:  # Windows: two trainings in one directory are then not noticed
    fcntl = None  # type: ignore[assignment]


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """The directory for this process alone, made if need be, and removed at the end if it is still empty.

    Raises `RunError` where another process trains in it. The lock is on the folder: it leaves no file, and ends with
    the process, however that ends.
    """
    with explain_write_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY) if fcntl is not None else None
    try:
        if descriptor is not None:
            _lock(descriptor, path)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
        with suppress(OSError):  # not empty, as a rule
            path.rmdir()


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(
            f"Another process is training in {path} now: wait for its end, or give another place by --out."
        ) from None
    except OSError:
        return  # not every file system can lock a folder
