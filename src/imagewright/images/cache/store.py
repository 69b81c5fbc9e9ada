"""The prepared cache: one file of decoded uint8 pixels (N, H, W, C), mapped into memory, beside a small JSON header.

`<fingerprint>.pixels` is written as `<fingerprint>.part`, synced and renamed. `<fingerprint>.json`, with a checksum, is
written last, so the pixels are whole if it exists. One process at a time prepares a fingerprint, under a lock on
`<fingerprint>.lock`; a second process waits and then opens the finished file. A killed process leaves a `.part`, which
the next one removes.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagewright.errors import DataError, RunError
from imagewright.files import locked, reserve, write_whole
from imagewright.images.cache.checksum import checksum_of, is_whole, state_of

FORMAT = 2  # 2: with a checksum


class Skipped(NamedTuple):
    """An unreadable picture: its place in the source, its name, the reason, and whether the reason may pass.

    A fault of the disk or a missing permission may pass, damage does not.
    """

    place: int
    name: str
    reason: str
    may_pass: bool = False


Write = Callable[[int, np.ndarray], None]
"""Called with the first row and the pixels (n, H, W, C) of n rows."""


@dataclass
class Store:
    """Decoded pictures.

    Attributes:
        pixels: uint8 (N, H, W, C), in the source's order, without the unreadable pictures.
        skipped: the unreadable pictures.
        mapping: the memory map behind `pixels`, if they are a file's.
    """

    pixels: np.ndarray
    skipped: list[Skipped]
    mapping: mmap.mmap | None = None

    def release(self, first: int = 0, last: int | None = None) -> None:
        """Free the memory of rows `first` to `last - 1` of a mapped file, so that a pass over all rows stays flat.

        first: 0 for the whole file before `last`.
        last: None for the whole file from `first` on.

        The rows stay in the system's file cache while it has room, so reading them again costs little.
        """
        if self.mapping is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        row = int(np.prod(self.pixels.shape[1:]))
        start = first * row // mmap.PAGESIZE * mmap.PAGESIZE
        self.mapping.madvise(
            mmap.MADV_DONTNEED, start, len(self.mapping) - start if last is None else last * row - start
        )


def mapping_of(array: np.ndarray) -> mmap.mmap | None:
    """The memory map of a file that an array is a view of, if it is only read; else None."""
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode != "r":
            return None  # pages that were changed for this process alone would be lost
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def open_or_make(
    folder: Path,
    fingerprint: str,
    shape: tuple[int, int, int, int],
    fill: Callable[[int], list[Skipped]],
    source: str = "unknown",
    readable_now: Callable[[list[int]], bool] = lambda indices: False,
) -> Store:
    """Open the cache of `fingerprint`, or make it.

    folder: the cache folder, made if need be.
    shape: (N, H, W, C) of the pixels, unreadable pictures included.
    fill: called with a file descriptor; writes row k at byte k * H * W * C, and returns the unreadable pictures.
    source: saved in the header, for listings.
    readable_now: called with the pictures that could not be read when the cache was made, by a fault that may pass; if
        one of them can be read now, the cache is made anew.
    Raises `DataError` if the folder cannot be written or the disk is full; nothing half-made is left then.
    """
    pixels_path, header_path = folder / f"{fingerprint}.pixels", folder / f"{fingerprint}.json"
    found = _open(pixels_path, header_path, shape)
    retried = [bad.place for bad in found.skipped if bad.may_pass] if found is not None else []
    if found is not None and not (retried and readable_now(retried)):
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{fingerprint}.lock"):
            found = None if retried else _open(pixels_path, header_path, shape)
            if found is None:
                _make(pixels_path, header_path, shape, fill, source)
                found = _open(pixels_path, header_path, shape)
    except OSError as error:
        raise _as_data_error(error, folder, shape) from error
    if found is None:
        raise DataError(f"The cache {pixels_path} was written and cannot be read back: is something clearing {folder}?")
    return found


def _open(pixels_path: Path, header_path: Path, listed: tuple[int, int, int, int]) -> Store | None:
    """The cache, if it exists and is whole, else None: a damaged cache is made anew."""
    try:
        header = json.loads(header_path.read_text(encoding="utf-8"))
        shape = tuple(header["shape"])
        skipped = [
            Skipped(int(place), str(name), str(reason), bool(may_pass))
            for place, name, reason, may_pass in header["skipped"]
        ]
        whole = header["format"] == FORMAT and shape == (listed[0] - len(skipped), *listed[1:])
        if not whole or pixels_path.stat().st_size != int(np.prod(shape, dtype=object)):
            return None
        before = header["state"]
        if not is_whole(pixels_path, header):
            return None
        if header["state"] != before:
            with suppress(RunError, OSError):  # another user's cache can be read, but not written
                write_whole(header_path, json.dumps(header))
        with pixels_path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with suppress(OSError):  # another user's cache can be read, but not touched
            os.utime(header_path)  # the time of the last use
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Store(np.frombuffer(mapping, np.uint8).reshape(shape), skipped, mapping)


def _make(
    pixels_path: Path,
    header_path: Path,
    shape: tuple[int, int, int, int],
    fill: Callable[[int], list[Skipped]],
    source: str,
) -> None:
    part = pixels_path.with_suffix(".part")
    try:
        # Always a new file: a worker of a killed process may still write to the old one for a moment.
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            reserve(descriptor, int(np.prod(shape, dtype=object)))
            skipped = sorted(fill(descriptor))
            rows = _close_gaps(descriptor, shape, [bad.place for bad in skipped])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        header_path.unlink(missing_ok=True)
        os.replace(part, pixels_path)
        header = {"format": FORMAT, "shape": [rows, *shape[1:]], "skipped": skipped, "source": source}
        header |= {"checksum": checksum_of(pixels_path), "state": state_of(pixels_path)}
        write_whole(header_path, json.dumps(header))
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_rows_to(descriptor: int, row: int) -> Write:
    """A function that writes rows of `row` bytes each to their places in a file."""

    def write(first: int, rows: np.ndarray) -> None:
        data, at = rows.reshape(-1), first * row
        while len(data):  # one call may write less than all of it
            written = os.pwrite(descriptor, data, at)  # type: ignore[arg-type]
            data, at = data[written:], at + written

    return write


def _close_gaps(descriptor: int, shape: tuple[int, int, int, int], gaps: list[int]) -> int:
    """Move the rows after each gap forward, and cut the file. Returns the number of rows left."""
    row = int(np.prod(shape[1:]))
    left = shape[0] - len(gaps)
    bounds, rows_at_once = [*gaps, shape[0]], max(1, 2**23 // row)
    for number, gap in enumerate(gaps):
        for start in range(gap + 1, bounds[number + 1], rows_at_once):
            stop = min(start + rows_at_once, bounds[number + 1])
            os.pwrite(descriptor, os.pread(descriptor, (stop - start) * row, start * row), (start - number - 1) * row)
    os.ftruncate(descriptor, left * row)
    return left


def _as_data_error(error: OSError, folder: Path, shape: tuple[int, int, int, int]) -> DataError:
    elsewhere = "Name another folder by the variable IMAGEWRIGHT_CACHE (cache_dir in Python)."
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        size = int(np.prod(shape, dtype=object)) / 2**20
        return DataError(f"The disk of {folder} is full: the prepared pictures need {size:,.0f} MiB. {elsewhere}")
    return DataError(f"The cache folder {folder} cannot be written ({error.strerror}). {elsewhere}")
