"""Latents that pages have found, in bounded memory: of photos, drags, and looks that a page returns to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagewright.studio.serving.tickets import TicketShelf

if TYPE_CHECKING:
    from torch import Tensor

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


def latent_shelf() -> TicketShelf[HeldLatents]:
    """A shelf of latents."""
    gone = "The studio has let go of these latents: drop the picture once more."
    return TicketShelf(lambda held: held.latents.nbytes, MOST_BYTES, gone)
