"""Print tables, records and notes: formatted on a terminal, plain in a pipe."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from imagewright.pixels import is_size, size_text
from imagewright.terminal import printable, raw_stream


class PlainConsole(Console):
    """A rich console whose texts never steer the terminal: only rich's own colours and movements do."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def console(*, stderr: bool = False) -> Console:
    """A rich console. In a pipe it is at least 160 characters wide, so that programs read whole lines."""
    stream = raw_stream(sys.stderr if stderr else sys.stdout)
    width = None if stream.isatty() else max(shutil.get_terminal_size().columns, 160)
    return PlainConsole(file=stream, stderr=stderr, width=width, highlight=False, emoji=False, soft_wrap=False)


def say(sentences: Iterable[str]) -> None:
    """Print notes for the user on the error stream; standard output has the result alone, for programs."""
    told = list(dict.fromkeys(sentences))
    for sentence in told:
        with suppress(OSError, ValueError):  # a closed pipe, or a log on a full disk: the result counts
            print(sentence, file=sys.stderr, flush=True)
    mark_told(told)


def mark_told(sentences: Iterable[str] = (), *, sources: Iterable[str] = ()) -> None:
    """Say once what a command prints by itself: sentences, and the unreadable pictures of sources."""
    notices = sys.modules.get("imagewright.images.notices")  # without it, no pictures were opened
    if notices is not None:
        notices.mark_told(sentences, sources=sources)


def show_record(record: Mapping[str, Any], screen: Console | None = None, indent: int = 0) -> None:
    """Print a nested record, one `name  value` a line; dictionaries, and the entries of lists of them, indented under
    their name."""
    screen = screen or console()
    plain = {name: value for name, value in record.items() if not _is_nested(value)}
    width = max((len(str(name)) for name in plain), default=0) + 2
    for name, value in plain.items():
        screen.print(
            " " * indent + f"{_shown_name(name):<{width}}{_value(value, str(name))}",
            markup=False,
            soft_wrap=True,
        )
    for name, value in record.items():
        if _is_nested(value):
            screen.print(" " * indent + _shown_name(name), markup=False)
            if isinstance(value, Mapping):
                show_record(value, screen, indent + 2)
                continue
            for entry in value:
                screen.print(" " * (indent + 2) + _entry(entry), markup=False, soft_wrap=True)


def _shown_name(name: object) -> str:
    """A name with spaces; that of a file as it is."""
    return str(name) if "." in str(name) else str(name).replace("_", " ")


def _is_nested(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(entry, Mapping) for entry in value)
    return isinstance(value, Mapping) and bool(value)


def _value(value: Any, name: str) -> str:
    if is_size(name, value):
        return size_text(value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    if isinstance(value, (list, tuple, dict)):
        return ", ".join(map(_entry, value)) or "none"
    return str(value)


def _entry(value: Any) -> str:
    """An entry of a list; of a dictionary in it, the values that are there."""
    if not isinstance(value, Mapping):
        return str(value)
    return "; ".join(f"{_shown_name(name)} {each}" for name, each in value.items() if each is not None)
