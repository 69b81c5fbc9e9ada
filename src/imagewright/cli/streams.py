"""Standard output and error that print any text: names of any bytes, and letters that the terminal's encoding lacks."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

ESCAPED, KEPT = "imagewright-escaped", "imagewright-kept"


@contextmanager
def tolerant_output() -> Iterator[None]:
    """Inside the block nothing that is printed raises `UnicodeEncodeError`.

    Letters that the encoding lacks are escaped (`\\u2193`). Bytes of file names that are no text are escaped on a
    terminal (`\\xe9`), and in a pipe printed as they are, so that another program finds the file.
    """
    before = [(stream, stream.errors) for stream in (sys.stdout, sys.stderr) if hasattr(stream, "reconfigure")]
    for stream, errors in before:
        if errors in ("strict", "surrogateescape"):
            with suppress(OSError, ValueError):
                stream.reconfigure(errors=ESCAPED if stream.isatty() else KEPT)
    try:
        yield
    finally:
        for stream, errors in before:
            with suppress(OSError, ValueError):
                stream.reconfigure(errors=errors)


def _escape(error: Any) -> tuple[str, int]:
    return "".join(map(_escaped, error.object[error.start : error.end])), error.end


def _keep(error: Any) -> tuple[bytes, int]:
    part = error.object[error.start : error.end]
    return b"".join(
        bytes([ord(letter) - 0xDC00]) if _is_byte(letter) else _escaped(letter).encode() for letter in part
    ), error.end


def _escaped(letter: str) -> str:
    return f"\\x{ord(letter) - 0xDC00:02x}" if _is_byte(letter) else letter.encode("ascii", "backslashreplace").decode()


def _is_byte(letter: str) -> bool:
    """Whether a letter stands for a byte of a file name that is no UTF-8 (PEP 383)."""
    return "\udc80" <= letter <= "\udcff"


codecs.register_error(ESCAPED, _escape)
codecs.register_error(KEPT, _keep)
