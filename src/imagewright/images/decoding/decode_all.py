"""Decode every picture of a source once, on all cores, into rows of pixels.

Files and archives of some thousand pictures are decoded by worker processes, all else by threads. Threads alone gain
little for small pictures: Pillow's decoders let go of Python's global lock, but the work around them does not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext

from imagewright.errors import DataError
from imagewright.images.cache.store import Skipped, Write
from imagewright.images.decoding.decode_range import decode_range, rows_at_once
from imagewright.images.decoding.parallel import Range, over_ranges, usable_cores
from imagewright.images.decoding.preprocessing import Recipe
from imagewright.images.decoding.workers import DecodeWorkers
from imagewright.images.sources.base import ListedSource, Source

Progress = Callable[[int, int], None]
PROCESSES_FROM = 2000
"""Pictures from which worker processes repay their start, about half a second."""


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
    descriptor: int | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    strict: bool = False,
) -> list[Skipped]:
    """Decode the whole source, and hand the rows to `write` (from several threads). Returns the pictures skipped.

    Where `write` fills a file, `descriptor` is that file, which worker processes then fill themselves. Rows of
    skipped pictures are left zero. With `strict` the first unreadable picture raises `DataError`, as does a source of
    which no picture can be read, or one that vanishes. `progress(done, total)` is called from this thread.
    """
    total, workers = len(source), workers or usable_cores()
    counted, counting, told = [0], threading.Lock(), [-1]

    def count(pictures: int) -> None:
        with counting:
            counted[0] += pictures

    def tell() -> None:
        if progress is not None and counted[0] != told[0]:
            told[0] = counted[0]
            progress(told[0], total)

    worth_it = workers > 1 and total >= PROCESSES_FROM and os.name == "posix" and isinstance(source, ListedSource)
    in_processes = descriptor is not None and worth_it
    with DecodeWorkers(source, recipe, strict, descriptor or 0) if in_processes else nullcontext() as pool:

        def work(bounds: Range, stop: threading.Event) -> list[Skipped]:
            if pool is None:
                return decode_range(source, recipe, write, bounds, strict=strict, count=count, stopped=stop.is_set)
            skipped = pool.decode(bounds)
            count(bounds[1] - bounds[0])
            return skipped

        ranges = chunks(source, rows_at_once(recipe))
        abandon = pool.kill if pool is not None else lambda: None
        skipped = [bad for found in over_ranges(ranges, work, workers, tell, abandon) for bad in found]
    if len(skipped) == total:
        _, name, reason = min(skipped)
        raise DataError(f"None of the {total:,} pictures of {source.typed} can be read; the first is {name}: {reason}.")
    return sorted(skipped)
