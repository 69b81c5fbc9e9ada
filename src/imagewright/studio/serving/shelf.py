"""Pictures that pages have shown or uploaded, in bounded memory, to be opened large, saved and sent on."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import replace

from imagewright.studio.serving.library import NotThereError
from imagewright.studio.serving.memory import in_pages_of_its_own
from imagewright.studio.serving.page import Picture

MOST_BYTES = 96 << 20
MOST = 2_000  # pictures: a slider that is held shows 30 a second


class Shelf:
    """The newest pictures by a ticket that nobody can guess. The oldest ones leave when there is no room."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._bytes, self._most = 0, most_bytes
        self._lock = threading.Lock()

    def put(self, picture: Picture) -> str:
        """Keep a picture; returns its ticket."""
        ticket = secrets.token_urlsafe(12)
        kept = replace(picture, pixels=in_pages_of_its_own(picture.pixels))
        with self._lock:
            self._pictures[ticket] = kept
            self._bytes += picture.pixels.nbytes
            while len(self._pictures) > 1 and (self._bytes > self._most or len(self._pictures) > MOST):
                self._bytes -= self._pictures.popitem(last=False)[1].pixels.nbytes
        return ticket

    def get(self, ticket: str) -> Picture:
        """The picture of a ticket, which then counts as new. Raises `NotThereError`."""
        with self._lock:
            if ticket not in self._pictures:
                raise NotThereError("The studio has let go of this picture: make it or drop it once more.")
            self._pictures.move_to_end(ticket)
            return self._pictures[ticket]
