"""Text for the terminal: what comes from files is shown as characters, and never steers the terminal.

A name or a record in a file can hold escape sequences that recolour, overwrite or hide what a command prints.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# Controls except the tab and the newline, separators of lines, overrides of the direction of writing, and halves of
# characters, which no encoding takes.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with every character that would steer a terminal as its code: an escape becomes `\x1b`."""
    return _STEERING.sub(_as_code, text)


def _as_code(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class PlainStream:
    """A text stream that passes on `printable` text, with codes for characters that its encoding lacks.

    Everything else is the stream's own. `raw` is the stream itself, for colours of our own.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write the text; returns its length, as it was given."""
        shown = printable(text)
        if not shown.isascii():
            encoding = getattr(self.raw, "encoding", None) or "utf-8"
            shown = shown.encode(encoding, "backslashreplace").decode(encoding)
        self.raw.write(shown)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of the lines."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def raw_stream(stream: Any) -> Any:
    """The stream behind a `PlainStream`; any other stream is itself."""
    return stream.raw if isinstance(stream, PlainStream) else stream


@contextmanager
def plain_streams() -> Iterator[None]:
    """Make standard output and error `PlainStream`s for the block. One that is missing (None) stays so."""
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    plain = {name: PlainStream(raw_stream(stream)) for name, stream in before.items() if stream is not None}
    for name, stream in plain.items():
        setattr(sys, name, stream)
    try:
        yield
    finally:
        for name, stream in plain.items():
            if getattr(sys, name) is stream:  # else somebody else's replacement is left alone
                setattr(sys, name, before[name])
