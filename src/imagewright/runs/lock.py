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


def is_training(path: Path) -> bool:
    """Whether a process trains in a run directory now. False where folders cannot be locked."""
    if fcntl is None or not path.is_dir():
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # removed just now, or of another user
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)  # which also gives the lock back
    return False


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(
            f"Another process is training in {path} now: wait until it ends, or give another place by --out."
        ) from None
    except OSError:
        return  # not every file system can lock a folder
