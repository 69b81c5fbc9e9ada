"""What was passed over, left out or guessed of the sources that were opened: gathered for whoever tells the user.

Commands take pictures in many ways; all of them open a source and decode its pictures. Both report here, so that no
command has to pass on what was left out. Nothing is gathered outside of `gathered_notices`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

NAMED_AT_MOST = 3
Skipped = tuple[str, str]
"""(name, reason) of an unreadable picture."""


class RowsNote(str):
    """A note on rows or columns of a table that are not used or had to be matched: not told by every command.

    A new training and `data check` tell it.
    """

    __slots__ = ()


class SizesNote(str):
    """A note on pictures of other sizes that are resized: not told where each picture keeps its own size."""

    __slots__ = ()


class Notices:
    """Sentences for the user, each once, in the order in which they came up."""

    def __init__(self) -> None:
        self._notes: dict[str, None] = {}
        self._unreadable: dict[str, dict[str, str]] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def add_notes(self, notes: Iterable[str]) -> None:
        """Add sentences on a source."""
        with self._lock:
            self._notes.update(dict.fromkeys(notes))

    def add_unreadable(self, source: str, skipped: Iterable[Skipped]) -> None:
        """Add unreadable pictures of a source."""
        with self._lock:
            self._unreadable.setdefault(source, {}).update(skipped)

    def mark_told(self, sentences: Iterable[str] = (), *, sources: Iterable[str] = ()) -> None:
        """Leave out what the user has read already: sentences, and the unreadable pictures of sources."""
        with self._lock:
            self._told.update(sentences)
            for source in sources:
                self._unreadable.pop(source, None)

    def lines(self) -> list[str]:
        """The sentences that were not told yet."""
        with self._lock:
            notes = [note for note in self._notes if note not in self._told]
            skipped = [(source, list(found.items())) for source, found in self._unreadable.items() if found]
        told = [tell_skipped(found, "left out", source) for source, found in skipped]
        return notes + [sentence for sentence in told if sentence not in self._told]


_gathering: list[Notices] = []


@contextmanager
def gathered_notices() -> Iterator[Notices]:
    """What is opened and decoded inside the block, in any thread, is added to the notices that this returns."""
    notices = Notices()
    _gathering.append(notices)
    try:
        yield notices
    finally:
        _gathering.remove(notices)


def add_notes(notes: Iterable[str]) -> None:
    """Add sentences on a source to the notices that are gathered now, if any are."""
    for each in _gathering[-1:]:
        each.add_notes(notes)


def add_unreadable(source: str, skipped: Iterable[Skipped]) -> None:
    """Add unreadable pictures of a source, as it was named by the user, to the notices that are gathered now."""
    for each in _gathering[-1:]:
        each.add_unreadable(source, skipped)


def mark_told(sentences: Iterable[str] = (), *, sources: Iterable[str] = ()) -> None:
    """Tell the notices that are gathered now what the user has read already."""
    for each in _gathering[-1:]:
        each.mark_told(sentences, sources=sources)


def tell_skipped(skipped: Sequence[Skipped], consequence: str, source: str) -> str:
    """A sentence on unreadable pictures: their count and the first names, with reasons.

    skipped: one at least.
    consequence: what was done with them, such as "left out".
    source: as the user named it.
    """
    count = len(skipped)
    what = "unreadable picture is" if count == 1 else "unreadable pictures are"
    named = "; ".join(f"{name} ({reason})" for name, reason in skipped[:NAMED_AT_MOST])
    rest = f"; `imagewright data check {source}` names all" if count > NAMED_AT_MOST else ""
    return f"{count:,} {what} {consequence}: {named}{rest}"
