"""Opened sources, kept between calls, and single pictures of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from imagewright.errors import DataError, UserError
from imagewright.images.decoding.opening import load_image, open_picture
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.studio.serving import frames
from imagewright.studio.serving.library import Library
from imagewright.studio.serving.recent import Recent

if TYPE_CHECKING:
    from imagewright.images import Images

MOST_OPEN = 8
LARGEST_SIDE = 2048  # pixels of a picture that is shown or kept; larger ones are scaled down


class Sources:
    """The sources that pages look into. One whose folder has changed is opened anew.

    library: of the sources.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._open: Recent[tuple[str, int], Images] = Recent(MOST_OPEN)  # by id, and when its folder has changed
        self._frames = frames.KeptFrames(shown)

    def open(self, key: str) -> Images:
        """The pictures of a source, at the size and in the channels that are commonest in it."""
        from imagewright.images import open_images

        found = self._library.source(key)
        changed = 0 if found.path is None else found.path.stat().st_mtime_ns
        return self._open.get((key, changed), lambda: open_images(found.source))

    def forget(self, key: str) -> None:
        """Open a source anew at its next use: the time of its folder does not show what changed in folders below."""
        self._open.forget(lambda each: each[0] == key)

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


def shown(content: Any, side: int = LARGEST_SIDE, name: str = "the picture") -> np.ndarray:
    """A picture for a screen: uint8 (H, W, 3), scaled down to a longer side of `side` pixels at most, turned upright.

    content: encoded bytes, uint8 (H, W, C), or a tuple of such layers, of which the last is shown.
    Raises `DataError` for one that cannot be read.
    """
    if isinstance(content, tuple):
        content = content[-1]
    if isinstance(content, Unreadable):
        raise DataError(f"{name} cannot be read: {content}.")
    if isinstance(content, np.ndarray):
        pixels = content if content.ndim == 3 else content[..., None]
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        return _fit(picture, side)
    try:
        with open_picture(content) as image:
            image.draft("RGB", (side, side))  # a JPEG is decoded at a smaller scale, which is much faster
            load_image(image)
            return _fit(image, side)
    except Unreadable as reason:
        raise DataError(f"{name} cannot be read: {reason}.") from None


def _fit(image: Image.Image, side: int) -> np.ndarray:
    from PIL import ImageOps

    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("I;16", "I", "F"):  # more than 8 bits: the range of this picture
        values = np.asarray(upright, np.float32)
        low, high = float(values.min()), float(values.max())
        upright = Image.fromarray(np.uint8((values - low) * (255 / max(high - low, 1e-9))))
    return np.asarray(upright.convert("RGB"))
