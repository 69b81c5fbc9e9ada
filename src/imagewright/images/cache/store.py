"""The prepared cache: one file of decoded uint8 pixels (N, H, W, C), mapped into memory, beside a small JSON header.

`<fingerprint>.pixels` is written as `<fingerprint>.part`, synced and renamed; `<fingerprint>.json` comes last, so its
presence says that the pixels are whole. One process at a time prepares a fingerprint, by a lock on
`<fingerprint>.lock`; a second one waits and then opens what the first has made. A process that is killed leaves a
`.part`, which the next one removes.
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

import numpy as np

from imagewright.errors import DataError
from imagewright.files import locked, write_whole

FORMAT = 1
Skipped = tuple[int, str, str]
"""Index in the source, name, reason."""


Write = Callable[[int, np.ndarray], None]
"""Called with the first row and pixels (n, H, W, C)."""


@dataclass
class Store:
    """Decoded pictures: `pixels` uint8 (N, H, W, C), in the source's order without the `skipped` ones."""

    pixels: np.ndarray
    skipped: list[Skipped]
    mapping: mmap.mmap | None = None  # where the pixels are a file's

    def let_go(self, first: int, last: int) -> None:
        """Give back the memory that rows `first` to `last` of a mapped file took: a pass over all then stays flat.

        They stay in the system's own cache of files while it has room, so reading them again costs little.
        """
        if self.mapping is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        row = int(np.prod(self.pixels.shape[1:]))
        start = first * row // mmap.PAGESIZE * mmap.PAGESIZE
        self.mapping.madvise(mmap.MADV_DONTNEED, start, last * row - start)


def open_or_make(
    folder: Path,
    fingerprint: str,
    shape: tuple[int, int, int, int],
    fill: Callable[[int], list[Skipped]],
    source: str = "unknown",
) -> Store:
    """Open the cache of `fingerprint`, or make it with room for `shape` (N, H, W, C); `source` is kept for listings.

    `fill` gets the file descriptor, writes row k at byte k * H * W * C, and returns the pictures that it had to skip.
    Raises `DataError` where the folder cannot be written or the disk is full; nothing half-made is left then.
    """
    pixels_path, header_path = folder / f"{fingerprint}.pixels", folder / f"{fingerprint}.json"
    found = _open(pixels_path, header_path, shape)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{fingerprint}.lock"):
            found = _open(pixels_path, header_path, shape)
            if found is None:
                _make(pixels_path, header_path, shape, fill, source)
                found = _open(pixels_path, header_path, shape)
    except OSError as error:
        raise _as_data_error(error, folder, shape) from error
    if found is None:
        raise DataError(f"The cache {pixels_path} was written and cannot be read back: is something clearing {folder}?")
    return found


def _open(pixels_path: Path, header_path: Path, listed: tuple[int, int, int, int]) -> Store | None:
    """The cache if it is there and whole; None otherwise. A damaged one counts as not there, and is made anew."""
    try:
        header = json.loads(header_path.read_text(encoding="utf-8"))
        shape = tuple(header["shape"])
        skipped = [(int(index), str(name), str(reason)) for index, name, reason in header["skipped"]]
        whole = header["format"] == FORMAT and shape == (listed[0] - len(skipped), *listed[1:])
        if not whole or pixels_path.stat().st_size != int(np.prod(shape, dtype=object)):
            return None
        with pixels_path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with suppress(OSError):  # a cache of somebody else's can be read all the same
            os.utime(header_path)  # when it was last used
    except (OSError, ValueError, KeyError, TypeError):
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
        # A new file each time: a worker of a killed process may for a moment still write to the old one.
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            _reserve(descriptor, int(np.prod(shape, dtype=object)))
            skipped = sorted(fill(descriptor))
            kept = _close_gaps(descriptor, shape, [index for index, _, _ in skipped])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        header_path.unlink(missing_ok=True)
        os.replace(part, pixels_path)
        header = {"format": FORMAT, "shape": [kept, *shape[1:]], "skipped": skipped, "source": source}
        write_whole(header_path, json.dumps(header))
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def rows_into(descriptor: int, row: int) -> Write:
    """A function that writes rows of `row` bytes to their places in a file."""

    def write(first: int, rows: np.ndarray) -> None:
        data, at = rows.reshape(-1), first * row
        while len(data):  # one call writes at most what the system likes
            written = os.pwrite(descriptor, data, at)  # type: ignore[arg-type]
            data, at = data[written:], at + written

    return write


def _reserve(descriptor: int, size: int) -> None:
    """Claim the room on the disk first: a full disk is then an error at once, not after an hour."""
    if hasattr(os, "posix_fallocate") and size:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                raise


def _close_gaps(descriptor: int, shape: tuple[int, int, int, int], gaps: list[int]) -> int:
    """Move the rows after each skipped one forward, and cut the file. Returns the number of rows kept."""
    row = int(np.prod(shape[1:]))
    kept = shape[0] - len(gaps)
    bounds, rows_at_once = [*gaps, shape[0]], max(1, 2**23 // row)
    for number, gap in enumerate(gaps):
        for start in range(gap + 1, bounds[number + 1], rows_at_once):
            stop = min(start + rows_at_once, bounds[number + 1])
            os.pwrite(descriptor, os.pread(descriptor, (stop - start) * row, start * row), (start - number - 1) * row)
    os.ftruncate(descriptor, kept * row)
    return kept


def _as_data_error(error: OSError, folder: Path, shape: tuple[int, int, int, int]) -> DataError:
    elsewhere = "Name another folder by the variable IMAGEWRIGHT_CACHE (cache_dir in Python)."
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        size = int(np.prod(shape, dtype=object)) / 2**20
        return DataError(f"The disk of {folder} is full: the prepared pictures need {size:,.0f} MiB. {elsewhere}")
    return DataError(f"The cache folder {folder} cannot be written ({error.strerror}). {elsewhere}")
