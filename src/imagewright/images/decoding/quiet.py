"""Pillow and libtiff kept silent while a file from elsewhere is read: what is wrong with it is told as a reason."""

from __future__ import annotations

import ctypes
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

from PIL import Image, _imaging

from imagewright.images.decoding.bounds import pixel_limit

_BACKSTOP = 2**29  # pixels: Pillow's own limit meanwhile, above the package's own one, which is said with its reason
_lock = threading.Lock()
_readers = 0  # threads that read at this moment
_filter: tuple[object, ...] | None = None
_limit: int | None = None


@contextmanager
def quiet_readers() -> Iterator[None]:
    """Inside the block, in all threads, warnings of Pillow are not shown, and libtiff prints nothing.

    `warnings.catch_warnings` would not do: it puts back the filters of one thread while another one still reads.
    """
    global _readers, _filter, _limit  # noqa: PLW0603
    _silence_libtiff()
    with _lock:
        if _readers == 0:
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _filter = warnings.filters[0]
            _limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max(_BACKSTOP, pixel_limit())
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                with suppress(ValueError):
                    warnings.filters.remove(_filter)  # type: ignore[attr-defined]
                Image.MAX_IMAGE_PIXELS = _limit


@cache
def _silence_libtiff() -> None:
    """Take away the handlers by which libtiff prints to the error stream; Pillow raises its errors all the same.

    The functions are found through Pillow's own library, whatever the system calls the one of libtiff. Where they are
    hidden in it, libtiff's lines stay.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(library, name)
            handler.restype, handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            handler(None)
