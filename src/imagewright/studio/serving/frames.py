"""Small pictures of sources that are read from their beginning, such as videos: a block of neighbours at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.errors import DataError

if TYPE_CHECKING:
    from imagewright.images import Images

BLOCK = 64  # neighbours that are read together: a wall asks for them one by one
SIDE = 192  # pixels of the longer side that is kept; larger ones are read by themselves
MOST = 1_024  # pictures that are kept: 110 kB each at most


class KeptFrames:
    """The newest small pictures, by source and number.

    shown: makes a small picture: called with what a source holds, the longer side, and a name.
    """

    def __init__(self, shown: Callable[[Any, int, str], np.ndarray]) -> None:
        self._shown = shown
        self._kept: OrderedDict[tuple[Images, int], np.ndarray | DataError] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, images: Images, index: int) -> np.ndarray:
        """Picture `index`, uint8 (H, W, 3), with a longer side of `SIDE` pixels at most. Raises `DataError`."""
        with self._lock:  # those who want a neighbour wait for the block, instead of reading it once more
            if (images, index) not in self._kept:
                self._read(images, index - index % BLOCK)
            self._kept.move_to_end((images, index))
            found = self._kept[images, index]
        if isinstance(found, DataError):
            raise found
        return found

    def _read(self, images: Images, start: int) -> None:
        places = np.arange(start, min(start + BLOCK, len(images)))
        for place, content in zip(places.tolist(), images.originals(places), strict=True):
            try:
                self._kept[images, place] = self._shown(content, SIDE, images.name(place))
            except DataError as error:
                self._kept[images, place] = error
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
