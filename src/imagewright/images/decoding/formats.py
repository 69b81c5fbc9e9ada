"""Decoding: from the bytes of a picture to a Pillow image of 1, 3 or 4 channels of 8 bits.

These rules reproduce the pixels with Pillow alone:

1. `Image.open`, first frame; a picture that is cut short is unreadable, never filled up with grey.
2. 16-bit and 32-bit integer grey becomes 8-bit by `(value + 128) // 257`: 65535 is 255. (Pillow itself reads 16-bit
   RGB as 8-bit.) Float pixels have no agreed range and are refused.
3. The EXIF rotation is applied (`ImageOps.exif_transpose`).
4. A transparent picture is laid on white, unless 4 channels are wanted. Then `Image.convert` converts to `L`
   (ITU-R 601 luma), `RGB` or `RGBA`. CMYK is converted by Pillow's plain formula, without a colour profile.
5. A label or instance map is read as whole numbers instead: the indices of a palette picture, the values of a grey
   picture of 8 or 16 bits, or the common value of the three channels of an RGB picture.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

MODE_OF_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
READERS = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,  # and MPO, the JPEG with a second picture inside, which it finds by itself
    WebPImagePlugin.WebPImageFile,
    TiffImagePlugin.TiffImageFile,
    BmpImagePlugin.BmpImageFile,
    BmpImagePlugin.DibImageFile,
    GifImagePlugin.GifImageFile,
    PpmImagePlugin.PpmImageFile,
)
FORMATS = tuple(reader.format for reader in READERS)
"""The only formats that are tried: files from outside never reach Pillow's rarer readers."""
LOSSY_FORMATS = ("JPEG", "MPO")
"""Formats whose compression changes the numbers of a label map."""
PIXEL_LIMIT = 2**27
"""A picture with more pixels than this (134 million) is refused as a decompression bomb."""

ORIENTATION = 0x0112


class Unreadable(Exception):
    """A picture that cannot be decoded. The text is the reason, without the name of the picture."""


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
    with _reasons(payload):
        image = _open(payload)
        width, height = image.size
        # Pillow applies the rotation of a TIFF itself, also to its size.
        if image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) in {5, 6, 7, 8}:
            width, height = height, width
        return Header(width, height, image.mode, image.format or "?")


def decode(payload: bytes, channels: int) -> Image.Image:
    """Decode to 8 bits in `channels` (1: grey, 3: RGB, 4: RGBA) by the rules above. Raises `Unreadable`."""
    with _reasons(payload):
        return with_channels(_load(payload), channels)


def decode_numbers(payload: bytes) -> Image.Image:
    """Decode a label or instance map to whole numbers, mode "I", by rule 5. Raises `Unreadable`."""
    with _reasons(payload):
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
        image = _eight_bits(image)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    transparent = image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info
    if transparent and channels != 4:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")
    return image.convert(MODE_OF_CHANNELS[channels])


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise Unreadable(f"its grey values run from {values.min()} to {values.max()}; 0 to 65535 was expected")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _load(payload: bytes) -> Image.Image:
    """The first frame with its pixels, rotated as its EXIF tag says."""
    image = _open(payload)
    image.load()
    if image.getexif().get(ORIENTATION, 1) == 1:
        return image
    rotated = ImageOps.exif_transpose(image)
    rotated.format = image.format
    return rotated


def _open(payload: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(payload), formats=FORMATS)
    if image.width * image.height > PIXEL_LIMIT:
        raise Unreadable(f"it declares {image.height}x{image.width} pixels; more than {PIXEL_LIMIT:,} are refused")
    return image


@contextmanager
def _reasons(payload: bytes) -> Iterator[None]:
    """Raise `Unreadable` with a plain reason for any error of Pillow's readers on damaged or hostile bytes."""
    try:
        yield
    except Unreadable:
        raise
    except UnidentifiedImageError as error:
        raise Unreadable(_describe_bytes(payload)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable("it declares more pixels than a picture has (a decompression bomb)") from error
    except Exception as error:  # each of Pillow's readers has error classes of its own
        text = str(error) or type(error).__name__
        cut = "truncated" in text.lower() or isinstance(error, EOFError)
        raise Unreadable(f"the picture is {'cut short' if cut else 'damaged'} ({text})") from error


def _describe_bytes(payload: bytes) -> str:
    if not payload:
        return "the file is empty"
    if not any(byte < 9 or 13 < byte < 32 for byte in payload[:256]):
        return "it holds text, not a picture"
    return "it is no picture of a known format"
