"""Atomic writing of files (a temporary file beside the target is flushed and renamed), the cache folder, locks."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagewright.errors import RunError

try:
    import fcntl
except ImportError:  # Windows: two processes may then prepare at once, and the last rename wins
    fcntl = None  # type: ignore[assignment]

_ADVICE: dict[int, str] = {
    errno.ENOSPC: "the disk is full: free some space, or choose another place",
    errno.EDQUOT: "your disk quota is used up: free some space, or choose another place",
    errno.EACCES: "there is no permission to write there: choose another place, or change the permissions",
    errno.EPERM: "there is no permission to write there: choose another place, or change the permissions",
    errno.EROFS: "that file system is read-only: choose another place",
    errno.ENOTDIR: "a part of that path is a file, not a folder: choose another place",
    errno.EEXIST: "a part of that path is a file, not a folder: choose another place",
    errno.EISDIR: "that is a folder: name a file in it",
    errno.ENOENT: "there can be no files at that place: choose another one",
    errno.ENAMETOOLONG: "that name is too long: choose a shorter one",
    errno.ELOOP: "a link in that path leads back to itself: choose another place",
    errno.EINVAL: "that file system does not allow such a name: choose another one",
    errno.EFBIG: "the file would be larger than the system allows: choose another place",
    errno.EIO: "the disk reports an error: choose another place, and check that disk",
    errno.ESTALE: "the file server has lost that place: choose another one",
}


LONGEST_NAME = 255  # bytes of a file name, on all common file systems
LONGEST_SUFFIX = 32
RANDOM_LETTERS = 16  # of a temporary name, and the dots around it, with room to spare


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to. At the end of the block it is renamed to `path`, or removed if the block raised.

    Folders are made if need be. Raises `RunError` in plain words for a full disk, a missing permission or a read-only
    place.
    """
    path = Path(path)
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        start, end = _temporary_name(path)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=start, suffix=end)
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes files private, but runs are shared
            temporary.replace(path)
            _flush_folder(path.parent)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _temporary_name(path: Path) -> tuple[str, str]:
    """The start and the end of a temporary name beside `path`: its own, cut where the name would be too long."""
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= LONGEST_SUFFIX else ""
    return f".{cut_name(path.stem, LONGEST_NAME - RANDOM_LETTERS - len(os.fsencode(suffix)))}.", suffix


def cut_name(name: str, most: int) -> str:
    """The beginning of a file name, of at most so many bytes; letters stay whole."""
    while len(os.fsencode(name)) > most:
        name = name[:-1]
    return name


def write_whole(path: str | Path, content: bytes | str) -> None:
    """Write text or bytes to `path`, whole or not at all. Text is UTF-8; file names in it may be any bytes."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


@contextmanager
def explain_write_errors(path: str | Path) -> Iterator[None]:
    """Turn errors of the file system inside the block into a `RunError` that says what to do; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _ADVICE:
            raise
        raise RunError(f"Cannot write {path}: {_ADVICE[error.errno]}.") from error
    except Exception as error:
        # safetensors has the system's error inside a message of its own.
        if "No space left" in str(error) or "os error 28" in str(error):
            raise RunError(f"Cannot write {path}: {_ADVICE[errno.ENOSPC]}.") from error
        raise


@contextmanager
def openable(path: Path) -> Iterator[str]:
    """A name of a file for programs that take no other bytes than UTF-8, such as safetensors. Raises `OSError`."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with open(path, "rb") as file:
            yield f"/dev/fd/{file.fileno()}"
    else:
        yield str(path)


def reserve(descriptor: int, size: int) -> None:
    """Reserve the space of a file on the disk, so that a full disk raises `OSError` at once and not after an hour."""
    if hasattr(os, "posix_fallocate") and size:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                raise


def cache_folder(chosen: str | Path | None) -> Path:
    """The cache folder: `chosen`, else `$IMAGEWRIGHT_CACHE`, else `~/.cache/imagewright`."""
    return Path(chosen or os.environ.get("IMAGEWRIGHT_CACHE") or Path.home() / ".cache" / "imagewright").expanduser()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` during the block: other processes that want it wait."""
    with open(path, "a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock file `path` now."""
    if fcntl is None or not path.exists():
        return False
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    """Flush the folder, without which a power cut can undo the rename; not every system supports it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
