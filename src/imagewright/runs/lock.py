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


LOCK_FILE = ".training.lock"  # where the folder itself cannot be locked


@contextmanager
def lock_run(path: Path) -> Iterator[None]:
    """Lock a run directory for this process. It is created if it is missing, and removed at the end if it is empty.

    The lock is on the folder itself: it leaves no file, and the system releases it when the process ends in any way. On
    file systems that lock no folders, such as NFS, it is on a hidden file in it.
    Raises `RunError` if another process trains in the directory.
    """
    with explain_write_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    descriptor = _lock(path, exclusive=True) if fcntl is not None else None
    try:
        yield
    finally:
        if descriptor is not None:
            with suppress(OSError):
                (path / LOCK_FILE).unlink(missing_ok=True)
            os.close(descriptor)
        with suppress(OSError):  # usually not empty
            path.rmdir()


def is_training(path: Path) -> bool:
    """Whether a process trains in a run directory now. False where neither folders nor files can be locked."""
    if fcntl is None or not path.is_dir():
        return False
    try:
        descriptor = _lock(path, exclusive=False)
    except RunError:
        return True
    if descriptor is not None:
        os.close(descriptor)  # which also gives the lock back
    return False


def _lock(path: Path, *, exclusive: bool) -> int | None:
    """A descriptor that holds the lock; None if nothing can be locked there. Raises `RunError` if another holds it."""
    wanted = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    ways = [(path, os.O_RDONLY), (path / LOCK_FILE, os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY)]
    for target, flags in ways:
        try:
            descriptor = os.open(target, flags, 0o666)
        except OSError:  # removed just now, of another user, or there is no such file: nobody has locked it
            continue
        try:
            fcntl.flock(descriptor, wanted | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise RunError(_refusal(path)) from None
        except OSError:  # not every file system can lock a folder
            os.close(descriptor)
            continue
        if exclusive and not _is_there(descriptor, target):  # it was removed by a training that ended just now
            os.close(descriptor)
            raise RunError(_refusal(path))
        return descriptor
    return None


def _is_there(descriptor: int, target: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(target))
    except OSError:
        return False


def _refusal(path: Path) -> str:
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks.isdecimal() and int(tasks) > 1 and "RANK" not in os.environ:
        return (
            f"Another process is training in {path} now. srun started {tasks} tasks of this command, and none knows of "
            "the others: start one torchrun on each machine, which starts the processes, as docs/scaling.md shows; or "
            "give each task a place of its own by --out."
        )
    return f"Another process is training in {path} now: wait until it ends, or give another place by --out."
