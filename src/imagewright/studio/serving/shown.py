"""Pictures of any source as a screen shows them."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from imagewright.errors import DataError
from imagewright.images.decoding.opening import load_image, open_picture
from imagewright.images.decoding.unreadable import Unreadable

LARGEST_SIDE = 2048  # pixels of a picture that is shown or kept; larger ones are scaled down


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
