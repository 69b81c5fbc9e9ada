"""What pages hold by a ticket that nobody can guess, in bounded memory."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from imagewright.studio.serving.library import NotThereError

Held = TypeVar("Held")
MOST = 2_000  # things: a slider that is held shows 30 pictures a second


class TicketShelf(Generic[Held]):
    """The newest things by their tickets. The oldest ones leave when there is no room; the newest always stays.

    bytes_of: the bytes that a thing takes.
    most_bytes: of all together.
    gone: what is said of a ticket whose thing has left.
    """

    def __init__(self, bytes_of: Callable[[Held], int], most_bytes: int, gone: str) -> None:
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._bytes_of, self._most, self._gone = bytes_of, most_bytes, gone
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, thing: Held) -> str:
        """Keep a thing; returns its ticket."""
        ticket = secrets.token_urlsafe(12)
        with self._lock:
            self._held[ticket] = thing
            self._bytes += self._bytes_of(thing)
            while len(self._held) > 1 and (len(self._held) > MOST or self._bytes > self._most):
                self._bytes -= self._bytes_of(self._held.popitem(last=False)[1])
        return ticket

    def get(self, ticket: str) -> Held:
        """The thing of a ticket, which then counts as new. Raises `NotThereError`."""
        with self._lock:
            if ticket not in self._held:
                raise NotThereError(self._gone)
            self._held.move_to_end(ticket)
            return self._held[ticket]
