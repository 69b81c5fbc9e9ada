"""Opened sources, kept between calls, and single pictures of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import UserError
from imagewright.studio.serving import frames
from imagewright.studio.serving.library import Library
from imagewright.studio.serving.shown import LARGEST_SIDE, shown

if TYPE_CHECKING:
    from imagewright.images import Images

MOST_OPEN = 8


class Sources:
    """The sources that pages look into. One whose folder has changed is opened anew.

    library: of the sources.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._open: OrderedDict[tuple[str, int], Images] = OrderedDict()
        self._frames = frames.KeptFrames()
        self._opening: dict[str, threading.Lock] = {}  # of each source, so that a large one keeps no other waiting
        self._lock = threading.Lock()

    def open(self, key: str) -> Images:
        """The pictures of a source, at the size and in the channels that are commonest in it."""
        from imagewright.images import open_images

        found = self._library.source(key)
        changed = 0 if found.path is None else found.path.stat().st_mtime_ns
        with self._lock:
            if (key, changed) in self._open:
                self._open.move_to_end((key, changed))
                return self._open[key, changed]
            opening = self._opening.setdefault(key, threading.Lock())
        with opening:
            images = self._open.get((key, changed))
            if images is None:
                images = open_images(found.source)
            with self._lock:
                self._open[key, changed] = images
                while len(self._open) > MOST_OPEN:
                    self._open.popitem(last=False)
            return images

    def forget(self, key: str) -> None:
        """Open a source anew at its next use: the time of its folder does not show what changed in folders below."""
        with self._lock:
            for each in [each for each in self._open if each[0] == key]:
                del self._open[each]

    def picture(self, key: str, index: int, side: int = LARGEST_SIDE) -> np.ndarray:
        """Picture `index` of a source, uint8 (H, W, 3), with a longer side of `side` pixels at most.

        Raises `UserError` if there is no such picture, `DataError` if it cannot be read.
        """
        images = self.open(key)
        if not 0 <= index < len(images):
            raise UserError(f"There are {len(images):,} pictures, and none of number {index:,}.")
        if images.in_order and side <= frames.SIDE:
            pixels = self._frames.get(images, index)
            return pixels if max(pixels.shape[:2]) <= side else shown(pixels, side)
        return shown(images.original(index), side, images.name(index))
