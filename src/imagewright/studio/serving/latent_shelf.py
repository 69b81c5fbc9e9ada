"""Latents that pages have found, in bounded memory: of photos, drags, and looks that a page returns to."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagewright.studio.serving.library import NotThereError

if TYPE_CHECKING:
    from torch import Tensor

MOST = 2_000
MOST_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class HeldLatents:
    """Latents of one picture.

    run: the id of the run whose model decodes them.
    space: the latent space; None of a model that has only one.
    latents: float32 (1, *latent_shape).
    label: for people, and for records.
    is_photo: whether they were found for a real picture.
    """

    run: str
    space: str | None
    latents: Tensor
    label: str
    is_photo: bool = False


class LatentShelf:
    """The newest latents by a ticket that nobody can guess. The oldest ones leave when there is no room."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, HeldLatents] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, held: HeldLatents) -> str:
        """Keep latents; returns their ticket."""
        ticket = secrets.token_urlsafe(12)
        with self._lock:
            self._held[ticket] = held
            self._bytes += held.latents.nbytes
            while len(self._held) > 1 and (len(self._held) > MOST or self._bytes > MOST_BYTES):
                self._bytes -= self._held.popitem(last=False)[1].latents.nbytes
        return ticket

    def get(self, ticket: str) -> HeldLatents:
        """The latents of a ticket, which then count as new. Raises `NotThereError`."""
        with self._lock:
            if ticket not in self._held:
                raise NotThereError("The studio has let go of these latents: drop the picture once more.")
            self._held.move_to_end(ticket)
            return self._held[ticket]
