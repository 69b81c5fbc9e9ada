"""Decoding: from the bytes of a picture to a Pillow image of 1, 3 or 4 channels of 8 bits.

These rules reproduce the pixels with Pillow alone:

1. `Image.open` (`opening.py`), first frame; a picture that is cut short is unreadable, never filled up with grey.
2. 16-bit and 32-bit integer grey becomes 8-bit by `(value + 128) // 257`: 65535 is 255. (Pillow itself reads 16-bit
   RGB as 8-bit.) Float pixels have no agreed range and are refused. With a value range, numbers of more than 8 bits,
   float ones too, become `255 * (value - low) / (high - low)`, rounded and clipped (`value_range.py`).
3. The EXIF rotation is applied (`ImageOps.exif_transpose`).
4. A transparent picture is laid on white, unless 4 channels are wanted. Then `Image.convert` converts to `L`
   (ITU-R 601 luma), `RGB` or `RGBA`. CMYK is converted by Pillow's plain formula, without a colour profile; CIE Lab by
   littleCMS, to sRGB.
5. A label or instance map is read as whole numbers instead: the indices of a palette picture, the values of a grey
   picture of 8 or 16 bits, or the common value of the three channels of an RGB picture.
6. With `Decoding.at_least`, a JPEG is decoded at the smallest of its reduced scales (a half, a quarter, an eighth) that
   is at least so large: `Image.draft`, which leaves out high frequencies of the discrete cosine transform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from imagewright.images.decoding.deep_colour import is_deep_colour, read_deep_colour
from imagewright.images.decoding.opening import bands, load_image, open_image, reasons
from imagewright.images.decoding.png_text import without_long_text
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.images.decoding.value_range import ValueRange, is_deep, scale, to_eight_bits

__all__ = ["Unreadable"]  # which every reader of pictures imports from here

MODE_OF_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
LOSSY_FORMATS = ("JPEG", "MPO", "AVIF", "HEIF")
"""Formats whose compression changes the numbers of a label map."""
SCALED_FORMATS = ("JPEG", "MPO")
"""Formats that can be decoded at a half, a quarter or an eighth of their size."""
ORIENTATION = 0x0112
Result = TypeVar("Result")


@dataclass(frozen=True)
class Header:
    """What the header of a picture says.

    Attributes:
        width: after the EXIF rotation.
        height: the same.
        mode: Pillow's.
        format: Pillow's, or "array".
        deep: whether its numbers have more than 8 bits.
    """

    width: int
    height: int
    mode: str
    format: str
    deep: bool = False

    @property
    def channels(self) -> int:
        """The channels that hold all of the mode: 1, 3 or 4 (grey with alpha counts as grey)."""
        if self.mode in {"1", "L", "LA", "La", "I", "F"} or self.mode.startswith("I;16"):
            return 1
        return 4 if self.mode in {"RGBA", "RGBa"} else 3


def read_header(payload: bytes) -> Header:
    """The header of an encoded picture, without decoding its pixels. Raises `Unreadable`."""

    def read(content: bytes) -> Header:
        image = open_image(content)
        deep = is_deep(image.mode) or is_deep_colour(image)  # asked first: reading the EXIF tag may load the pixels
        width, height = image.size if not _is_turned(image) else image.size[::-1]
        return Header(width, height, image.mode, image.format or "?", deep)

    return _read(payload, read)


@dataclass(frozen=True)
class Decoding:
    """How a picture is decoded, besides its channels.

    Attributes:
        values: the numbers that become 0 and 255, of pictures with more than 8 bits; None for rule 2 above.
        at_least: (height, width) that a reduced scale of the picture may not fall below; None for its own size.
    """

    values: ValueRange | None = None
    at_least: tuple[int, int] | None = None


EXACT = Decoding()


def decode(payload: bytes, channels: int, how: Decoding = EXACT) -> Image.Image:
    """Decode to 8 bits in `channels` (1: grey, 3: RGB, 4: RGBA) by the rules above. Raises `Unreadable`."""

    def read(content: bytes) -> Image.Image:
        if how.values is not None and (deep := _load_deep_colour(content, how.values)) is not None:
            return with_channels(deep, channels)
        return with_channels(_load(content, how.at_least), channels, how.values)

    return _read(payload, read)


def deep_values(payload: bytes) -> np.ndarray | None:
    """The numbers of a picture with more than 8 bits, (H, W) or (H, W, 3); None for 8 bits. Raises `Unreadable`."""

    def read(content: bytes) -> np.ndarray | None:
        image = open_image(content)
        if is_deep_colour(image):
            return read_deep_colour(lambda: open_image(content))[:, :, :3]
        return np.asarray(image) if is_deep(image.mode) else None

    return _read(payload, read)


def decode_numbers(payload: bytes) -> Image.Image:
    """Decode a label or instance map to whole numbers, mode "I", by rule 5. Raises `Unreadable`."""

    def read(content: bytes) -> Image.Image:
        image = _load(content)
        if image.format in LOSSY_FORMATS:
            raise Unreadable(f"{image.format} changes the numbers of a label or instance map: save it as PNG")
        return as_numbers(image)

    return _read(payload, read)


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


def with_channels(image: Image.Image, channels: int, values: ValueRange | None = None) -> Image.Image:
    """Convert any mode of Pillow's to `L`, `RGB` or `RGBA` by rules 2 and 4 above. `values`: as of `Decoding`."""
    if image.mode == MODE_OF_CHANNELS[channels] and (channels == 4 or "transparency" not in image.info):
        return image
    if is_deep(image.mode):
        image = _in_bands(image, "L", partial(to_eight_bits, limits=values))
    if image.mode == "LAB":
        image = _lab_to_rgb(image)
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


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    try:
        from PIL import ImageCms

        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    except (ImportError, OSError) as error:  # Pillow was built without littleCMS
        raise Unreadable("its colours are CIE Lab, which this Pillow cannot convert: save it as RGB") from error
    assert converted is not None
    return converted


def _load_deep_colour(payload: bytes, values: ValueRange) -> Image.Image | None:
    """A colour picture of 16 bits as 8 by a value range, rotated as its EXIF tag says; None for other pictures."""
    image = open_image(payload)
    if not is_deep_colour(image):
        return None
    numbers = read_deep_colour(lambda: open_image(payload))
    eight = scale(numbers, values)
    eight[:, :, 3:] = numbers[:, :, 3:] >> 8
    return _rotated(Image.fromarray(eight), image)


def _load(payload: bytes, at_least: tuple[int, int] | None = None) -> Image.Image:
    """The first frame with its pixels, rotated as its EXIF tag says; see `Decoding` for `at_least`."""
    image = open_image(payload)
    if at_least is not None and image.format in SCALED_FORMATS:
        height, width = at_least if not _is_turned(image) else at_least[::-1]
        image.draft(None, (width, height))  # None keeps the mode
    load_image(image)
    return _rotated(image, image)


def _rotated(image: Image.Image, tagged: Image.Image) -> Image.Image:
    """A picture rotated as the EXIF tag of `tagged` says."""
    exif = tagged.getexif()
    # Pillow applies the rotation of a TIFF itself.
    if exif.get(ORIENTATION, 1) == 1 or (image is not tagged and tagged.format == "TIFF"):
        return image
    if image is not tagged:
        image.info["exif"] = exif.tobytes()
    rotated = ImageOps.exif_transpose(image)
    rotated.format = tagged.format
    return rotated


def _is_turned(image: Image.Image) -> bool:
    """Whether the EXIF rotation exchanges height and width. Pillow applies that of a TIFF itself, also to the size."""
    return image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) in {5, 6, 7, 8}


def _read(payload: bytes, work: Callable[[bytes], Result]) -> Result:
    """`work(payload)`, with plain reasons for errors. A PNG with more text than Pillow reads is read without it."""
    with reasons(payload):
        try:
            return work(payload)
        except ValueError:
            shorter = without_long_text(payload)
            if len(shorter) == len(payload):
                raise
            return work(shorter)
