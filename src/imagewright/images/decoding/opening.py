"""The one place where pictures are opened: of the admitted formats alone, within bounds, and silently.

Pillow by itself knows forty formats, of which one hands the file to another program (PostScript to Ghostscript).
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from imagewright.errors import ImagewrightError
from imagewright.images.decoding.admitted import admitted_formats
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
from imagewright.images.decoding.unreadable import Unreadable

LARGE = 2**26  # pixels: of larger pictures, one at a time is decoded in a process
BAND_PIXELS = 2**22  # of a large picture, for work whose copies of the whole would be large
MOST_REASON = 200  # characters of what a reader says
_one_at_a_time = threading.Lock()


def open_image(payload: bytes, *, any_size: bool = False) -> Image.Image:
    """An encoded picture of one of the admitted formats, open but not decoded. Call it inside `reasons(payload)`.

    any_size: pass over the limit of pixels, for callers that decode none.
    """
    check_bytes(len(payload))
    check_structure(payload)
    size = webp_size(payload)
    if size is not None and not any_size:
        check_pixels(*size, "WEBP")
    image = Image.open(io.BytesIO(payload), formats=admitted_formats())
    if not any_size:
        check_pixels(*image.size, image.format)
    check_exif(image.info.get("exif"))
    return image


@contextmanager
def open_picture(payload: bytes, *, any_size: bool = False) -> Iterator[Image.Image]:
    """The picture of `open_image` for the block.

    Raises `Unreadable`, also for what goes wrong with the picture inside the block. Pillow and libtiff print nothing.
    """
    with reasons(payload):
        yield open_image(payload, any_size=any_size)


def load_image(image: Image.Image) -> None:
    """Decode the pixels of an open picture; large ones one at a time, since each core decodes pictures."""
    if image.width * image.height > LARGE:
        with _one_at_a_time:
            image.load()
    else:
        image.load()


def read_encoded(path: str | Path) -> bytes:
    """The bytes of the file of a picture, for `open_picture` and `decode`.

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


@contextmanager
def reasons(payload: bytes) -> Iterator[None]:
    """Raise `Unreadable` with a plain reason for any error of Pillow's readers on damaged or hostile bytes."""
    try:
        with quiet_readers:
            yield
    except (Unreadable, ImagewrightError):
        raise
    except OutOfBounds as reason:
        raise Unreadable(str(reason)) from None
    except MemoryError as error:
        raise Unreadable("its pixels need more memory than there is") from error
    except UnidentifiedImageError as error:
        raise Unreadable(_describe_bytes(payload)) from error
    except Image.DecompressionBombError as error:
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


def bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """(first row, band) of each band of rows of a picture, of some million pixels each."""
    width, height = image.size
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, image if rows >= height else image.crop((0, top, width, min(height, top + rows)))
