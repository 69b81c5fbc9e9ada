"""The standard streams of a command: closed ones, and ones that cannot be written to, as a log on a full disk."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO


def fill_closed_streams() -> None:
    """Open the null device for each standard stream that was closed (`>&-`).

    Without it the next file that is opened takes the number of the stream, and libraries print into that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                taken = os.open(os.devnull, os.O_RDWR)  # the lowest free number
                if taken != number:
                    os.dup2(taken, number)
                    os.close(taken)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open as long as the process


def discard(stream: TextIO) -> None:
    """Point a stream to the null device: Python flushes it at exit, which would fail once more."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def release_streams() -> None:
    """Flush the streams at the end of a command; what cannot be written is discarded."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            discard(stream)
