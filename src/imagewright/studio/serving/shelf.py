"""Pictures that pages have shown or uploaded, in bounded memory, to be opened large, saved and sent on."""

from __future__ import annotations

from dataclasses import replace

from imagewright.studio.serving.memory import in_pages_of_its_own
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.tickets import TicketShelf

MOST_BYTES = 96 << 20


class _PictureShelf(TicketShelf[Picture]):
    def put(self, thing: Picture) -> str:
        return super().put(replace(thing, pixels=in_pages_of_its_own(thing.pixels)))


def picture_shelf(most_bytes: int = MOST_BYTES) -> TicketShelf[Picture]:
    """A shelf of pictures."""
    gone = "The studio has let go of this picture: make it or drop it once more."
    return _PictureShelf(lambda picture: picture.pixels.nbytes, most_bytes, gone)
