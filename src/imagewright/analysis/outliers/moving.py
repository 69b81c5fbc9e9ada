"""Move or copy files of a folder. Nothing is deleted or overwritten, and a list (CSV) records every move."""

from __future__ import annotations

import csv
import errno
import io
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from imagewright.errors import RunError, UserError
from imagewright.files import explain_write_errors
from imagewright.output.names import encode_text
from imagewright.output.writing import new_file

LIST = "moved.csv"
# Errors of `os.link` after which a copy is made instead: no links here, or the target is on another disk.
NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EACCES}


def check_move(source: str | Path, target: str | Path) -> Path:
    """The folder of a source. Raises `UserError` if the source is no folder, or contains the target."""
    root = Path(source).expanduser() if isinstance(source, str | Path) else None
    if root is None or not root.is_dir():
        raise UserError(
            f"The pictures of {'a list' if root is None else source} are not files in a folder, so they cannot be "
            "moved or copied out of it: unpack it first, or use the list in scores.csv."
        )
    if is_within(target, root):
        raise UserError(
            f"{target} lies in the source {root}: the pictures would be found there again. Choose a folder outside."
        )
    return root


def is_within(path: str | Path, folder: str | Path) -> bool:
    """Whether a path is the folder or lies below it."""
    inside, outer = Path(path).expanduser().resolve(), Path(folder).expanduser().resolve()
    return inside == outer or outer in inside.parents


def move_files(root: Path, names: Sequence[str], target: str | Path, *, copy: bool = False) -> Path:
    """Move (or copy) `root/name` to `target/name` for each name. Returns the path of the list.

    The list is a CSV with the columns `from` and `to`. It is written first, so that an interrupted move can be undone.

    root: the folder of the files.
    names: paths of the files, relative to `root`.
    target: the folder to move to; created if it is missing.
    copy: whether to copy instead.

    Raises `RunError`, before anything is moved, if a file is missing or a target exists.
    """
    folder = Path(target).expanduser()
    pairs = [(root / name, folder / name) for name in names]
    missing = [source for source, _ in pairs if not os.path.lexists(source)]
    if missing:
        raise RunError(f"{missing[0]} is no separate file, so nothing was moved: name the folder of the pictures.")
    _refuse_taken([there for _, there in pairs])
    path = _free_name(folder)
    _write_list(path, pairs)
    for source, there in pairs:
        if copy:
            with explain_write_errors(there):
                there.parent.mkdir(parents=True, exist_ok=True)
                _copy(source, there)
        else:
            place_file(source, there)
            source.unlink()
    return path


def put_back(path: str | Path, within: Path | None = None) -> int:
    """Undo a move by its list. Returns the number of files moved back.

    within: a folder that no file may leave or come from; any by default.
    Files that are no longer in the new place are skipped. Folders below the list's that became empty are removed.

    Raises `UserError` if the list cannot be read or names files outside, and `RunError`, before anything is moved, if
    another file is in an old place.
    """
    path = Path(path).expanduser()
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise UserError(f"The list {path} cannot be read: {error.strerror}.") from error
    if not rows or rows[0] != ["from", "to"] or any(len(row) != 2 for row in rows):
        raise UserError(f"{path} is no list of files moved: a CSV with the columns from and to was expected.")
    pairs = [(Path(there), Path(here)) for here, there in rows[1:]]
    outside = [each for pair in pairs for each in pair if within is not None and not is_within(each.parent, within)]
    if outside:
        raise UserError(f"The list {path.name} names files outside of {within}, so nothing was moved.")
    # An equal file in both places was copied, or its move was interrupted: it need not be moved back.
    moved = [
        (there, here)
        for there, here in pairs
        if os.path.lexists(there) and not (os.path.lexists(here) and _have_equal_content(there, here))
    ]
    _refuse_taken([here for _, here in moved])
    for there, here in moved:
        place_file(there, here)
        there.unlink()
    for there, _ in moved:
        _remove_empty(there.parent, path.parent)
    return len(moved)


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder below `root` that is empty, and those above it that then are."""
    with suppress(OSError):  # one that holds something, or is gone
        while folder != root and is_within(folder, root):
            folder.rmdir()
            folder = folder.parent


def _have_equal_content(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()


def _refuse_taken(paths: Sequence[Path]) -> None:
    taken = [path for path in paths if os.path.lexists(path)]
    if taken:
        raise RunError(f"{taken[0]} exists already, so nothing was moved: existing files are never replaced.")


def _free_name(folder: Path) -> Path:
    """The path of a new list: moved.csv, or moved-2.csv, moved-3.csv ... if there are lists already."""
    path, number = folder / LIST, 2
    while os.path.lexists(path):
        path, number = folder / f"{Path(LIST).stem}-{number}.csv", number + 1
    return path


def _write_list(path: Path, pairs: Sequence[tuple[Path, Path]]) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["from", "to"])
    rows.writerows([os.path.abspath(source), os.path.abspath(there)] for source, there in pairs)
    with new_file(path) as file:
        file.write(encode_text(text.getvalue()))


def place_file(source: Path, there: Path) -> None:
    """Create a hard link at `there`, or a copy if links are impossible. Neither replaces a file, unlike a rename."""
    with explain_write_errors(there):
        there.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            there.symlink_to(os.path.realpath(source))
            return
        try:
            os.link(source, there)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            _copy(source, there)


def _copy(source: Path, there: Path) -> None:
    """Copy a file with its times. An interrupted copy is removed; an existing file is left as it is."""
    try:
        with source.open("rb") as read, there.open("xb") as written:
            shutil.copyfileobj(read, written)
            written.flush()
            os.fsync(written.fileno())
    except FileExistsError:
        raise
    except BaseException:
        there.unlink(missing_ok=True)
        raise
    shutil.copystat(source, there)
