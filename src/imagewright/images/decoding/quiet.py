"""Pillow and libtiff kept silent while a file from elsewhere is read: what is wrong with it is told as a reason."""

from __future__ import annotations

import ctypes
import os
import re
import threading
import warnings
from contextlib import suppress
from functools import cache

from PIL import Image, _imaging

from imagewright.images.decoding.bounds import PIXEL_LIMIT_VARIABLE, pixel_limit

_BACKSTOP = 2**29  # pixels: Pillow's own limit meanwhile, above the package's own one, which is said with its reason
_IGNORED = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as `warnings.filterwarnings` writes it


class QuietReaders:
    """A context in which, in all threads, warnings of Pillow are not shown, and libtiff prints nothing.

    `warnings.catch_warnings` would not do: it puts back the filters of one thread while another one still reads. The
    context is entered for each picture, and so it only adds one filter and takes it away.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0  # threads that read at this moment
        self._limit: int | None = None

    def __enter__(self) -> None:
        _silence_libtiff()
        with self._lock:
            if self._readers == 0:
                warnings.filters.insert(0, _IGNORED)  # type: ignore[attr-defined]
                raised = PIXEL_LIMIT_VARIABLE in os.environ
                self._limit = Image.MAX_IMAGE_PIXELS
                Image.MAX_IMAGE_PIXELS = max(_BACKSTOP, pixel_limit()) if raised else _BACKSTOP
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                with suppress(ValueError):
                    warnings.filters.remove(_IGNORED)  # type: ignore[attr-defined]
                Image.MAX_IMAGE_PIXELS = self._limit


quiet_readers = QuietReaders()
"""The one context of this process: `with quiet_readers: ...`."""


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
