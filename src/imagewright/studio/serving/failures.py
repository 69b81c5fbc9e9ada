"""Errors as sentences for a page."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from imagewright.errors import ImagewrightError, one_line
from imagewright.studio.serving.library import NotThereError, without_folder
from imagewright.wording import in_page, page_words

UNEXPECTED = "This went wrong in a way that the studio does not know. What it was stands where the studio was started."


def sentence_of(error: BaseException, folder: Path) -> str:
    """The message of an error of ours or of the file system; of another one, whose traceback goes to the terminal, a
    plain sentence.

    folder: the studio's; paths in it are shown from there on.
    """
    if isinstance(error, ImagewrightError):
        with page_words():
            return without_folder(" ".join([str(error), *map(in_page, getattr(error, "__notes__", []))]), folder)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this."
    if isinstance(error, OSError) and error.strerror:  # a full disk, or a folder that was moved or may not be written
        place = f" at {one_line(Path(os.fsdecode(error.filename)).name, 120)}" if error.filename else ""
        return (
            f"The studio's folder cannot be used as it should{place}: {error.strerror}. Look whether it is still "
            "there, may be written, and has room."
        )
    traceback.print_exception(error, file=sys.stderr)
    return UNEXPECTED


def status_of(error: BaseException) -> int:
    """The HTTP status of an error."""
    if isinstance(error, NotThereError):
        return 404
    return 400 if isinstance(error, ImagewrightError | OSError) else 500
