"""Errors as sentences for a page."""

from __future__ import annotations

import sys
import traceback

from imagewright.errors import ImagewrightError
from imagewright.studio.serving.library import NotThereError

UNEXPECTED = "This went wrong in a way that the studio does not know. What it was stands where the studio was started."


def sentence_of(error: BaseException) -> str:
    """The message of an error of ours; of another one, whose traceback goes to the terminal, a plain sentence."""
    if isinstance(error, ImagewrightError):
        return " ".join([str(error), *getattr(error, "__notes__", [])])
    if isinstance(error, MemoryError):
        return "There is not enough memory for this."
    traceback.print_exception(error, file=sys.stderr)
    return UNEXPECTED


def status_of(error: BaseException) -> int:
    """The HTTP status of an error."""
    if isinstance(error, NotThereError):
        return 404
    return 400 if isinstance(error, ImagewrightError) else 500
