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
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

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

from imagewright.errors import ImagewrightError
from imagewright.images.decoding.bounds import (
    OutOfBounds,
    byte_limit,
    check_bytes,
    check_exif,
    check_pixels,
    check_structure,
    webp_size,
)
from imagewright.images.decoding.quiet import quiet_readers

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
REDUCED_FROM = 2**26
"""A JPEG with more pixels than this (67 million) is decoded at half, a quarter or an eighth of its sides, if the
picture that is made of it is smaller by half again."""

ORIENTATION = 0x0112
BAND_PIXELS = 2**22  # converted at a time: the copies that a conversion makes of a large picture would add up
MOST_REASON = 200  # characters of what a reader says
_one_large_picture = threading.Lock()  # at a time, of more than `REDUCED_FROM` pixels


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


@contextmanager
def open_picture(payload: bytes, *, any_size: bool = False) -> Iterator[Image.Image]:
    """An encoded picture of one of `FORMATS`, open but not decoded. No other place of the package opens pictures.

    any_size: pass over the limit of pixels, for callers that decode none.
    Raises `Unreadable`, also for what goes wrong with the picture inside the block. Pillow and libtiff print nothing.
    """
    with quiet_readers(), _reasons(payload):
        check_bytes(len(payload))
        check_structure(payload)
        size = webp_size(payload)
        if size is not None and not any_size:
            check_pixels(*size, "WEBP")
        image = Image.open(io.BytesIO(payload), formats=FORMATS)
        if not any_size:
            check_pixels(*image.size, image.format)
        check_exif(image.info.get("exif"))
        yield image


def read_encoded(path: str | Path) -> bytes:
    """The bytes of the file of a picture, for `decode`.

    Raises `OSError`, and `Unreadable` for more bytes than a picture has, or what is no regular file.
    """
    # A pipe would be waited for without end, and a device has no end.
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("it is no regular file")
        try:
            check_bytes(status.st_size)
        except OutOfBounds as reason:
            raise Unreadable(str(reason)) from None
        return file.read(byte_limit() + 1)


def read_header(payload: bytes) -> Header:
    """The header of an encoded picture, without decoding its pixels. Raises `Unreadable`."""
    with open_picture(payload) as image:
        width, height = image.size
        # Pillow applies the rotation of a TIFF itself, also to its size.
        if image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) in {5, 6, 7, 8}:
            width, height = height, width
        return Header(width, height, image.mode, image.format or "?")


def decode(payload: bytes, channels: int, canvas: tuple[int, int] | None = None) -> Image.Image:
    """Decode to 8 bits in `channels` (1: grey, 3: RGB, 4: RGBA) by the rules above.

    canvas: (height, width) that the picture will be scaled to. A JPEG of more than `REDUCED_FROM` pixels is then
        decoded at a reduced scale that is still twice as large. None: at its own size.
    Raises `Unreadable`.
    """
    with _loaded(payload, canvas) as image:
        return with_channels(image, channels)


def decode_numbers(payload: bytes) -> Image.Image:
    """Decode a label or instance map to whole numbers, mode "I", by rule 5. Raises `Unreadable`."""
    with _loaded(payload) as image:
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
    return _in_bands(image, MODE_OF_CHANNELS[channels], lambda band: _converted(band, channels))


def _in_bands(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The picture converted to `mode`, a large one in bands of rows, as the conversion of a pixel needs no other."""
    width, height = image.size
    if width * height <= BAND_PIXELS:
        return convert(image)
    whole, rows = Image.new(mode, image.size), max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        whole.paste(convert(image.crop((0, top, width, min(height, top + rows)))), (0, top))
    return whole


def _converted(image: Image.Image, channels: int) -> Image.Image:
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


@contextmanager
def _loaded(payload: bytes, canvas: tuple[int, int] | None = None) -> Iterator[Image.Image]:
    """The first frame with its pixels, rotated as its EXIF tag says."""
    with open_picture(payload) as image, _one_large_picture if _is_large(image) else nullcontext():
        if canvas is not None and image.format in LOSSY_FORMATS and _is_large(image):
            # The canvas may lie across the picture, before its rotation.
            image.draft(None, (2 * max(canvas), 2 * max(canvas)))
        image.load()
        if image.getexif().get(ORIENTATION, 1) == 1:
            yield image
            return
        rotated = ImageOps.exif_transpose(image)
        rotated.format = image.format
        yield rotated


def _is_large(image: Image.Image) -> bool:
    return image.width * image.height > REDUCED_FROM


@contextmanager
def _reasons(payload: bytes) -> Iterator[None]:
    """Raise `Unreadable` with a plain reason for any error of Pillow's readers on damaged or hostile bytes."""
    try:
        yield
    except (Unreadable, ImagewrightError):
        raise
    except OutOfBounds as reason:
        raise Unreadable(str(reason)) from None
    except MemoryError as error:
        raise Unreadable("its pixels need more memory than there is") from error
    except UnidentifiedImageError as error:
        raise Unreadable(_describe_bytes(payload)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable("it declares more pixels than a picture has (a decompression bomb)") from error
    except Exception as error:  # each of Pillow's readers has error classes of its own
        text = " ".join((str(error) or type(error).__name__).split())[:MOST_REASON]
        cut = "truncated" in text.lower() or isinstance(error, EOFError)
        raise Unreadable(f"the picture is {'cut short' if cut else 'damaged'} ({text})") from error


def _describe_bytes(payload: bytes) -> str:
    if not payload:
        return "the file is empty"
    if not any(byte < 9 or 13 < byte < 32 for byte in payload[:256]):
        return "it holds text, not a picture"
    return "it is no picture of a known format"
