"""Memory that is free but not returned to the system, where the C library is glibc.

It gives each thread an arena of its own. Pictures are made in one thread and freed in another, so that arenas of 64 MiB
fill with holes while a slider is held for minutes: a studio of 344 MiB took 507.
"""

from __future__ import annotations

import ctypes
import mmap
import time
from contextlib import suppress
from typing import Any

import numpy as np

ARENA_MAX, ARENAS = -8, 2  # M_ARENA_MAX of malloc.h
SECONDS = 10.0  # between two returns, each of which takes milliseconds


def keep_memory_together() -> None:
    """Let all threads allocate from few arenas. Call it before there are any."""
    with suppress(OSError, AttributeError, TypeError):  # another C library, or Windows
        _library().mallopt(ARENA_MAX, ARENAS)


def in_pages_of_its_own(array: np.ndarray) -> np.ndarray:
    """A copy outside the allocator's memory. There, thousands of small arrays that stay would leave holes between them,
    into which the large ones of the next picture do not fit. All of it is returned when the copy is freed.
    """
    if not array.nbytes:
        return array
    copy: np.ndarray = np.frombuffer(mmap.mmap(-1, array.nbytes), array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class MemoryReturner:
    """Returns what is free to the system, at most every few seconds."""

    def __init__(self) -> None:
        self._returned = time.monotonic()

    def return_memory(self) -> None:
        """Return it, if that was some seconds ago."""
        now = time.monotonic()
        if now - self._returned < SECONDS:
            return
        self._returned = now
        with suppress(OSError, AttributeError, TypeError):
            _library().malloc_trim(0)


def _library() -> Any:
    return ctypes.CDLL(None)
