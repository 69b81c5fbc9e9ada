"""Small pictures of sources that are read from their beginning, such as videos: a block of neighbours at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.errors import DataError
from imagewright.studio.serving.recent import Recent

if TYPE_CHECKING:
    from imagewright.images import Images

BLOCK = 64  # neighbours that are read together: a wall asks for them one by one
SIDE = 192  # pixels of the longer side that is kept; larger ones are read by themselves
MOST = 16  # blocks that are kept: 7 MB each at most


class KeptFrames:
    """The newest small pictures, by source and number.

    shown: makes a small picture: called with what a source holds, the longer side, and a name.
    """

    def __init__(self, shown: Callable[[Any, int, str], np.ndarray]) -> None:
        self._shown = shown
        self._blocks: Recent[tuple[Images, int], list[np.ndarray | DataError]] = Recent(MOST)

    def get(self, images: Images, index: int) -> np.ndarray:
        """Picture `index`, uint8 (H, W, 3), with a longer side of `SIDE` pixels at most. Raises `DataError`."""
        start = index - index % BLOCK
        # Those who want a neighbour wait for the block, instead of reading it once more.
        found = self._blocks.get((images, start), lambda: self._read(images, start))[index - start]
        if isinstance(found, DataError):
            raise found
        return found

    def _read(self, images: Images, start: int) -> list[np.ndarray | DataError]:
        places = np.arange(start, min(start + BLOCK, len(images)))
        found: list[np.ndarray | DataError] = []
        for place, content in zip(places.tolist(), images.originals(places), strict=True):
            try:
                found.append(self._shown(content, SIDE, images.name(place)))
            except DataError as error:
                found.append(error)
        return found
