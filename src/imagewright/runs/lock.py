"""A lock on the run directory: two trainings in it would overwrite each other's files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagewright.errors import RunError
from imagewright.files import explain_write_errors

try:
    import fcntl
except ImportError:  # Windows: two trainings in one directory are not noticed there
    fcntl = None  # type: ignore[assignment]


@contextmanager
def lock_run(path: Path) -> Iterator[None]:
    """Lock a run directory for this process. It is created if it is missing, and removed at the end if it is empty.

    The lock is on the folder itself: it leaves no file, and the system releases it when the process ends in any way.
    Raises `RunError` if another process trains in the directory.
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
        with suppress(OSError):  # usually not empty
            path.rmdir()


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(
            f"Another process is training in {path} now: wait until it ends, or give another place by --out."
        ) from None
    except OSError:
        return  # not every file system can lock a folder
