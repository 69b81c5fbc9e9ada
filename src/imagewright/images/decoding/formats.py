"""Decoding: from the bytes of a picture to a Pillow image of 1, 3 or 4 channels of 8 bits.

These rules reproduce the pixels with Pillow alone:

1. `Image.open` (`opening.py`), first frame; a picture that is cut short is unreadable, never filled up with grey.
2. 16-bit and 32-bit integer grey becomes 8-bit by `(value + 128) // 257`: 65535 is 255. (Pillow itself reads 16-bit
   RGB as 8-bit.) Float pixels have no agreed range and are refused.
3. The EXIF rotation is applied (`ImageOps.exif_transpose`).
4. A transparent picture is laid on white, unless 4 channels are wanted. Then `Image.convert` converts to `L`
   (ITU-R 601 luma), `RGB` or `RGBA`. CMYK is converted by Pillow's plain formula, without a colour profile.
5. A label or instance map is read as whole numbers instead: the indices of a palette picture, the values of a grey
   picture of 8 or 16 bits, or the common value of the three channels of an RGB picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from imagewright.images.decoding.opening import bands, load_image, open_image, reasons
from imagewright.images.decoding.unreadable import Unreadable

__all__ = ["Unreadable"]  # which every reader of pictures imports from here

MODE_OF_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
LOSSY_FORMATS = ("JPEG", "MPO")
"""Formats whose compression changes the numbers of a label map."""
ORIENTATION = 0x0112


@dataclass(frozen=True)
class Header:
    """What the header of a picture says: `width` and `height` after the EXIF rotation, and Pillow's `mode`."""

    width: int
    height: int
    mode: str
    format: str

    @property
    def channels(self) -> int:
        """The channels that hold all of the mode: 1, 3 or 4 (grey with alpha counts as grey)."""
        if self.mode in {"1", "L", "LA", "La", "I", "F"} or self.mode.startswith("I;16"):
            return 1
        return 4 if self.mode in {"RGBA", "RGBa"} else 3


def read_header(payload: bytes) -> Header:
    """The header of an encoded picture, without decoding its pixels. Raises `Unreadable`."""
    with reasons(payload):
        image = open_image(payload)
        width, height = image.size
        # Pillow applies the rotation of a TIFF itself, also to its size.
        if image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) in {5, 6, 7, 8}:
            width, height = height, width
        return Header(width, height, image.mode, image.format or "?")


def decode(payload: bytes, channels: int) -> Image.Image:
    """Decode to 8 bits in `channels` (1: grey, 3: RGB, 4: RGBA) by the rules above. Raises `Unreadable`."""
    with reasons(payload):
        return with_channels(_load(payload), channels)


def decode_numbers(payload: bytes) -> Image.Image:
    """Decode a label or instance map to whole numbers, mode "I", by rule 5. Raises `Unreadable`."""
    with reasons(payload):
        image = _load(payload)
        if image.format in LOSSY_FORMATS:
            raise Unreadable(f"a {image.format} changes the numbers of a label or instance map: save it as PNG")
        return as_numbers(image)


def as_numbers(image: Image.Image) -> Image.Image:
    """The numbers of a label or instance map as a Pillow image of mode "I" (int32), by rule 5."""
    values = np.asarray(image)
    if image.mode == "RGB" and (values == values[:, :, :1]).all():
        values = values[:, :, 0]
    elif not (image.mode in {"1", "L", "P", "I"} or image.mode.startswith("I;16")):
        raise Unreadable(
            f"a label or instance map has one number a pixel, and this picture has colours or transparency (mode "
            f"{image.mode}): save it as a grey or palette picture"
        )
    return Image.fromarray(values.astype(np.int32))


def from_array(pixels: np.ndarray, channels: int) -> Image.Image:
    """A uint8 array (H, W, C), C of 1, 3 or 4, as a Pillow image in `channels`, by the same rules."""
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    return with_channels(image, channels)


def with_channels(image: Image.Image, channels: int) -> Image.Image:
    """Convert any mode of Pillow's to `L`, `RGB` or `RGBA` by rules 2 and 4 above."""
    if image.mode == MODE_OF_CHANNELS[channels] and (channels == 4 or "transparency" not in image.info):
        return image
    if image.mode == "F":
        raise Unreadable("its pixels are floating-point numbers, which have no agreed range: save it as 8 or 16 bits")
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = _in_bands(image, "L", _eight_bits)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    transparent = image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info
    if transparent and channels != 4:
        image = _in_bands(image, "RGB", _on_white)
    return image.convert(MODE_OF_CHANNELS[channels])


def _in_bands(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The picture converted to `mode` a band of rows at a time, as several copies of a large one would be large."""
    parts = ((top, convert(band)) for top, band in bands(image))
    first = next(parts)[1]
    if first.height == image.height:
        return first
    whole = Image.new(mode, image.size)
    whole.paste(first, (0, 0))
    for top, part in parts:
        whole.paste(part, (0, top))
    return whole


def _on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise Unreadable(f"its grey values run from {values.min()} to {values.max()}; 0 to 65535 was expected")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _load(payload: bytes) -> Image.Image:
    """The first frame with its pixels, rotated as its EXIF tag says."""
    image = open_image(payload)
    load_image(image)
    if image.getexif().get(ORIENTATION, 1) == 1:
        return image
    rotated = ImageOps.exif_transpose(image)
    rotated.format = image.format
    return rotated
