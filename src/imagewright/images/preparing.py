"""Decode every picture of a source once, on all cores, into rows of pixels.

Threads and not processes: Pillow decodes and resizes outside Python's global lock, threads need no copy of the
listing and no `if __name__ == "__main__"` in the user's script, and write straight to the file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np

from imagewright.errors import DataError
from imagewright.images.cache import Skipped
from imagewright.images.decoding import Unreadable, decode, from_array
from imagewright.images.parallel import Range, over_ranges
from imagewright.images.sources.base import Payload, Source
from imagewright.images.transforms import Recipe

CHUNK_BYTES = 2**23
CHUNK_PICTURES = 256
Progress = Callable[[int, int], None]
Write = Callable[[int, np.ndarray], None]
"""Called with the first row and pixels (n, H, W, C)."""


def to_pixels(payload: Payload, recipe: Recipe) -> np.ndarray:
    """One picture as read, on the canvas of the recipe: uint8 (H, W, C). Raises `Unreadable`."""
    if isinstance(payload, Unreadable):
        raise payload
    if isinstance(payload, np.ndarray):
        if payload.shape == (*recipe.canvas, recipe.channels):
            return payload
        return recipe.apply(from_array(payload, recipe.channels))
    return recipe.apply(decode(payload, recipe.channels))


def chunks(source: Source, length: int) -> Iterator[Range]:
    """Ranges of at most `length` pictures, none across two shards; whole shards where a source is read in order."""
    for first, last in source.shards():
        step = max(1, last - first if source.in_order else length)
        for start in range(first, last, step):
            yield start, min(start + step, last)


def decode_all(
    source: Source,
    recipe: Recipe,
    write: Write,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
    strict: bool = False,
) -> list[Skipped]:
    """Decode the whole source, and hand the rows to `write` (from several threads). Returns the pictures skipped.

    Rows of skipped pictures are left zero. With `strict` the first unreadable picture raises `DataError`, as does a
    source of which no picture can be read, or one that vanishes. `progress` is called from this thread.
    """
    total = len(source)
    shape = (*recipe.canvas, recipe.channels)
    length = max(1, min(CHUNK_PICTURES, CHUNK_BYTES // int(np.prod(shape))))
    counted, counting, told = [0], threading.Lock(), [-1]

    def count(pictures: int) -> None:
        with counting:
            counted[0] += pictures

    def tell() -> None:
        if progress is not None and counted[0] != told[0]:
            told[0] = counted[0]
            progress(told[0], total)

    def work(bounds: Range, stop: threading.Event) -> list[Skipped]:
        return _decode_range(source, recipe, write, bounds, np.zeros((length, *shape), np.uint8), strict, count, stop)

    skipped = [bad for found in over_ranges(chunks(source, length), work, workers, tell) for bad in found]
    if len(skipped) == total:
        _, name, reason = min(skipped)
        raise DataError(f"None of the {total:,} pictures of {source.typed} can be read; the first is {name}: {reason}.")
    return sorted(skipped)


def _decode_range(
    source: Source,
    recipe: Recipe,
    write: Write,
    bounds: Range,
    rows: np.ndarray,
    strict: bool,
    count: Callable[[int], None],
    stop: threading.Event,
) -> list[Skipped]:
    first, filled = bounds[0], 0
    skipped: list[Skipped] = []
    for index, payload in enumerate(source.read(np.arange(*bounds)), bounds[0]):
        if stop.is_set():
            return skipped
        try:
            rows[filled] = to_pixels(payload, recipe)
        except Unreadable as reason:
            if strict:
                raise DataError(f"{source.typed}: {source.name(index)} cannot be read: {reason}.") from reason
            rows[filled] = 0
            skipped.append((index, source.name(index), str(reason)))
        filled += 1
        if filled == len(rows) or index + 1 == bounds[1]:
            write(first, rows[:filled])
            count(filled)
            first, filled = index + 1, 0
    return skipped
