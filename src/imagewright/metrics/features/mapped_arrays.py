"""Large arrays as mapped files, so that memory does not grow with the number of pictures."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import IO

import numpy as np

from imagewright.files import cache_folder, explain_write_errors, reserve

IN_MEMORY = 2**26  # bytes of one array; larger arrays are mapped from a file
TOUCHED = 2**24  # bytes of a mapped array that are read or written before its pages are released


def allocate_array(shape: tuple[int, ...], kind: type[np.generic] = np.float32) -> np.ndarray:
    """An uninitialised array: in memory, or above 64 MiB mapped from an unnamed file in the cache folder.

    The file disappears together with the array.
    """
    if np.prod(shape, dtype=np.int64) * np.dtype(kind).itemsize <= IN_MEMORY:
        return np.empty(shape, kind)
    folder = cache_folder(None)
    folder.mkdir(parents=True, exist_ok=True)
    with explain_write_errors(folder), tempfile.TemporaryFile(dir=folder) as file:
        return map_new_array(file, shape, kind)


def map_new_array(file: IO[bytes], shape: tuple[int, ...], kind: type[np.generic] = np.float32) -> np.ndarray:
    """Map an empty file as an array. Its space is reserved: writing to a map of a full disk would end the process."""
    reserve(file.fileno(), int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize)
    return np.memmap(file, kind, "r+" if os.fstat(file.fileno()).st_size else "w+", shape=shape)


def release_pages(array: np.ndarray) -> None:
    """Take a mapped array out of this process's memory until it is used again; its values stay in the file.

    Without it, the process is counted with all that it has touched. Nothing happens to an array in memory.
    """
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)
