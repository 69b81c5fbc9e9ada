"""Atomic writing of files, one or several together: temporary ones beside the targets are flushed and renamed. The
cache folder; locks."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from imagewright.errors import ConfigError, RunError
from imagewright.regular_files import names_in
from imagewright.shared_work import leave_to_main

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
    errno.ENXIO: "the device of that place is gone: choose another place",
    errno.ENODEV: "the device of that place is gone: choose another place",
    errno.ENOTCONN: "the file server of that place cannot be reached: choose another place",
    errno.ETIMEDOUT: "the file server of that place does not answer: choose another place",
    errno.EBUSY: "that place is in use by the system: choose another one",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n`), or use fewer processes",
    errno.ENFILE: "the system has too many files open: try again later",
}


LONGEST_NAME = 255  # bytes of a file name, on all common file systems
LONGEST_SUFFIX = 32
RANDOM_NAME = re.compile(r"(\..*\.)[a-z0-9_]{8}(\.[^.]*|)", re.DOTALL)  # of the names of `tempfile.mkstemp`
RANDOM_LETTERS = 16  # of a temporary name, and the dots around it, with room to spare


class _Together:
    """Files of a group that are whole and wait for the others: (temporary, target), and the folders made for them."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Path, Path]] = []
        self.folders: list[Path] = []

    def settle(self) -> None:
        """Give all files their names. Ctrl-C is heeded after the last one."""
        interrupt: KeyboardInterrupt | None = None
        folders = {target.parent for _, target in self.waiting}
        while self.waiting:
            temporary, target = self.waiting[-1]
            try:
                with explain_write_errors(target):
                    temporary.replace(target)
                self.waiting.pop()
            except KeyboardInterrupt as error:
                interrupt = error
                if not temporary.exists():
                    self.waiting.pop()
        for folder in folders:
            _flush_folder(folder)
        if interrupt is not None:
            raise interrupt

    def discard(self) -> None:
        """Remove what was written, and the folders that were made for it and are empty."""
        for temporary, _ in self.waiting:
            with suppress(OSError):
                temporary.unlink()
        for folder in reversed(self.folders):
            with suppress(OSError):
                folder.rmdir()


_together: ContextVar[_Together | None] = ContextVar("_together", default=None)


@contextmanager
def written_together() -> Iterator[None]:
    """All results that are written in the block get their names at its end, or, if it raises, none of them does.

    An error in the middle, a full disk or Ctrl-C leaves neither some files without the others nor new files beside
    old ones. Also a decorator. In a block within another one, files wait for the end of the outer one.
    """
    if _together.get() is not None:
        yield
        return
    group = _Together()
    token = _together.set(group)
    try:
        yield
        group.settle()
    except BaseException as error:
        if group.waiting:
            error.add_note("Nothing was written.")
        group.discard()
        raise
    finally:
        _together.reset(token)


@contextmanager
def atomic_write(path: str | Path, *, is_result: bool = False) -> Iterator[Path]:
    """A temporary path to write to. At the end of the block it is renamed to `path`, or removed if the block raised.

    Folders are made if need be.

    is_result: whether the file waits for the others of `written_together`, if there are any, and is of the main rank
        alone where ranks share the work. Caches and runs, which are read at once, do not.
    Raises `RunError` in plain words for a full disk, a missing permission or a read-only
    place.
    """
    path = Path(path)
    if is_result:
        leave_to_main()  # of several ranks that share the work, one writes
    group = _together.get() if is_result else None
    with explain_write_errors(path):
        made = _make_folder(path.parent)
        if group is not None:
            group.folders += made
        start, end = _temporary_name(path)
        kept = False
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=start, suffix=end)
        try:  # at once: a signal may come
            temporary = Path(name)
            if fcntl is None:  # Windows renames no open files
                os.close(descriptor)
            else:
                _try_lock(descriptor)  # until it is closed: so `remove_leftovers` sees that the file is being written
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes files private, but runs are shared
            if group is not None:
                group.waiting.append((temporary, path))
                kept = True
            else:
                temporary.replace(path)
                _flush_folder(path.parent)
        finally:
            if fcntl is not None:
                os.close(descriptor)
            if not kept:
                with suppress(OSError):
                    Path(name).unlink(missing_ok=True)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder; those that were made, outermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _temporary_name(path: Path) -> tuple[str, str]:
    """The start and the end of a temporary name beside `path`: its own, cut where the name would be too long."""
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= LONGEST_SUFFIX else ""
    return f".{cut_name(path.stem, LONGEST_NAME - RANDOM_LETTERS - len(os.fsencode(suffix)))}.", suffix


def cut_name(name: str, most: int) -> str:
    """The beginning of a file name, of at most so many bytes; letters stay whole."""
    while len(os.fsencode(name)) > most:
        name = name[:-1]
    return name


def remove_leftovers(folder: Path, stems: tuple[str, ...]) -> None:
    """Remove the temporary files of `atomic_write` that killed processes left, of files with one of these stems.

    Files that another process is writing now are left alone.
    """
    for name in names_in(folder):
        if name.startswith(tuple(f".{stem}." for stem in stems)):
            _remove_unless_written(folder / name)


def remove_leftovers_of(paths: Iterable[Path]) -> None:
    """Remove the temporary files of `atomic_write` that killed processes left of these paths, and no other files.

    For folders that are the user's, where other hidden files may lie. Files that another process is writing now are
    left alone.
    """
    known: dict[Path, set[tuple[str, str]]] = {}
    for path in paths:
        known.setdefault(path.parent, set()).add(_temporary_name(path))
    for folder, names in known.items():
        for name in names_in(folder) if folder.is_dir() else ():
            found = RANDOM_NAME.fullmatch(name)
            if found is not None and found.groups() in names:
                _remove_unless_written(folder / name)


def _remove_unless_written(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            if _try_lock(descriptor):
                path.unlink()
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Lock an open file for this process; whether no other one holds its lock. Not every file system has locks."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass
    return True


def write_whole(path: str | Path, content: bytes | str, *, is_result: bool = False) -> None:
    """Write text or bytes to `path`, whole or not at all. Text is UTF-8; file names in it may be any bytes.

    is_result: as for `atomic_write`.
    """
    with atomic_write(path, is_result=is_result) as temporary:
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
        number = _number_in(error)
        if number not in _ADVICE:
            raise
        raise RunError(f"Cannot write {path}: {_ADVICE[number]}.") from error


def _number_in(error: Exception) -> int:
    """The system's number in the message of a library that is not written in Python, as safetensors; else 0."""
    found = re.search(r"\bos error (\d+)", str(error))
    if found is None and "No space left" in str(error):
        return errno.ENOSPC
    return int(found[1]) if found is not None and len(found[1]) < 6 else 0


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
    """The cache folder: `chosen`, else `$IMAGEWRIGHT_CACHE`, else `imagewright` in `$XDG_CACHE_HOME` or in `~/.cache`.

    Raises `ConfigError` if none is given and the user has no home folder.
    """
    named = chosen or os.environ.get("IMAGEWRIGHT_CACHE")
    general = os.environ.get("XDG_CACHE_HOME", "")
    try:
        if named:
            return Path(named).expanduser()
        # A relative path is to be passed over: XDG Base Directory Specification 0.8.
        return (Path(general) if os.path.isabs(general) else Path.home() / ".cache") / "imagewright"
    except RuntimeError:
        raise ConfigError(
            "There is no folder for the cache, because this user has no home folder (HOME is not set): name one by "
            "IMAGEWRIGHT_CACHE=FOLDER in the environment."
        ) from None


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file `path` during the block: other processes that want it wait.

    Yields its descriptor. A process that is started with it holds the lock until its own end.
    """
    with open(path, "a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


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
