"""Notes on the large files that arrive now: a studio that was killed leaves half of one, which the next one removes.

Such a file lies beside its target, in a folder that is the user's. The note names the target, so that nothing else is
taken for a leftover.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagewright.files import is_locked, locked, remove_leftovers_of

NOTES = "arriving"  # below the studio's own folder
MOST_BYTES = 4096  # of a note
BEGINNING = 3600.0  # seconds, for which an empty note may be one that is made now and is locked in a moment


@contextmanager
def noted(own: Path, target: Path) -> Iterator[None]:
    """Note during the block that a file arrives.

    own: the studio's own folder.
    target: of the file, beside `own` or below.
    """
    note = own / NOTES / secrets.token_hex(6)
    note.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    try:
        with locked(note):  # before anything is in it: other studios of the folder leave empty and locked notes alone
            note.write_bytes(os.fsencode(target.relative_to(own.parent)))
            yield
    finally:
        note.unlink(missing_ok=True)


def remove_unfinished(own: Path) -> None:
    """Remove what studios that were killed left of files that arrived, and the notes on them."""
    for note in (own / NOTES).glob("*"):
        with suppress(OSError, ValueError):
            if note.is_symlink() or not note.is_file() or _is_beginning(note) or is_locked(note):
                continue
            if note.stat().st_size > MOST_BYTES:
                continue
            target = own.parent / os.fsdecode(note.read_bytes())
            if target.parent.resolve().is_relative_to(own.parent):
                remove_leftovers_of([target])
            note.unlink()


def _is_beginning(note: Path) -> bool:
    """Whether a note may be one that another studio has made, and neither locked nor written yet."""
    status = note.stat()
    return status.st_size == 0 and time.time() - status.st_mtime < BEGINNING
