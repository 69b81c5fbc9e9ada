"""Decode every picture of a source once, on all cores, into rows of pixels.

Threads and not processes: Pillow decodes and resizes outside Python's global lock, threads need no copy of the
listing, no `if __name__ == "__main__"` in the user's script, and write straight to the file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np

from imagewright.errors import DataError
from imagewright.images.cache import Skipped
from imagewright.images.decoding import Unreadable, decode, from_array
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
    total, done = len(source), 0
    stop = threading.Event()
    skipped: list[Skipped] = []
    threads = 1 if source.in_order else (workers or usable_cores())
    with ThreadPoolExecutor(max(1, threads), "imagewright-decode") as pool:
        pending: set[Future[tuple[int, list[Skipped]]]] = set()
        try:
            ranges = _chunks(source, recipe)
            exhausted = False
            while pending or not exhausted:
                while not exhausted and len(pending) < 2 * threads:
                    chunk = next(ranges, None)
                    if chunk is None:
                        exhausted = True
                        break
                    pending.add(pool.submit(_decode_range, source, recipe, write, *chunk, strict, stop))
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    count, bad = future.result()
                    done += count
                    skipped += bad
                    if progress is not None:
                        progress(done, total)
        except BaseException:
            stop.set()
            raise
    if len(skipped) == total:
        _, name, reason = min(skipped)
        raise DataError(f"None of the {total:,} pictures of {source.typed} can be read; the first is {name}: {reason}.")
    return sorted(skipped)


def _chunks(source: Source, recipe: Recipe) -> Iterator[tuple[int, int]]:
    if source.in_order:
        yield from source.shards()
        return
    row = recipe.canvas[0] * recipe.canvas[1] * recipe.channels
    length = max(1, min(CHUNK_PICTURES, CHUNK_BYTES // row))
    for first, last in source.shards():
        for start in range(first, last, length):
            yield start, min(start + length, last)


def _decode_range(
    source: Source, recipe: Recipe, write: Write, start: int, stop_at: int, strict: bool, stop: threading.Event
) -> tuple[int, list[Skipped]]:
    shape = (*recipe.canvas, recipe.channels)
    length = min(stop_at - start, max(1, min(CHUNK_PICTURES, CHUNK_BYTES // int(np.prod(shape)))))
    rows, filled, first = np.zeros((length, *shape), np.uint8), 0, start
    skipped: list[Skipped] = []
    for index, payload in enumerate(source.read(np.arange(start, stop_at)), start):
        if stop.is_set():
            break
        try:
            rows[filled] = to_pixels(payload, recipe)
        except Unreadable as reason:
            if strict:
                raise DataError(f"{source.typed}: {source.name(index)} cannot be read: {reason}.") from reason
            rows[filled] = 0
            skipped.append((index, source.name(index), str(reason)))
        filled += 1
        if filled == length:
            write(first, rows[:filled])
            first, filled = index + 1, 0
    if filled:
        write(first, rows[:filled])
    return stop_at - start, skipped


def usable_cores() -> int:
    """The cores this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
