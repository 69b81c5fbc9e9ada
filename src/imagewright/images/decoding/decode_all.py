"""Decoding of every picture of a source, on all cores, into rows of pixels.

Files and archives of some thousand pictures are decoded by worker processes, other sources by threads. Threads alone
gain little for small pictures: Pillow's decoders release Python's global lock, but the work around them does not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import nullcontext

from imagewright.errors import DataError, none_readable
from imagewright.images.cache.store import Skipped, Write
from imagewright.images.decoding.decode_range import decode_range, rows_at_once
from imagewright.images.decoding.parallel import Range, map_ranges, usable_cores
from imagewright.images.decoding.preprocessing import Preprocessing
from imagewright.images.decoding.workers import DecodeWorkers
from imagewright.images.sources.base import Source
from imagewright.progress import Progress, ProgressCounter

PROCESSES_FROM = 2000
"""From this many pictures on, worker processes repay their start of about half a second."""


def split_into_ranges(source: Source, length: int) -> Iterator[Range]:
    """Ranges of at most `length` pictures, none across two shards; whole shards if the source is read in order."""
    for first, last in source.shards():
        step = max(1, last - first if source.in_order else length)
        for start in range(first, last, step):
            yield start, min(start + step, last)


def decode_all(
    source: Source,
    preprocessing: Preprocessing,
    write: Write,
    *,
    descriptor: int | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    strict: bool = False,
) -> list[Skipped]:
    """Decode the whole source. Rows of unreadable pictures are left zero.

    write: called from several threads with the first row and the pixels of several rows.
    descriptor: the file that `write` fills, if it is one: worker processes then fill it themselves.
    progress: called with (done, total) from this thread.
    workers: how many threads or processes; by default one for each core.
    strict: whether the first unreadable picture raises `DataError`.
    Returns the unreadable pictures. Raises `DataError` if no picture of the source can be read, or if it vanishes.
    """
    workers = workers or usable_cores()
    counter = ProgressCounter(len(source), progress)
    worth_it = workers > 1 and len(source) >= PROCESSES_FROM and os.name == "posix" and source.encoded
    in_processes = descriptor is not None and worth_it
    with DecodeWorkers(source, preprocessing, strict, descriptor or 0) if in_processes else nullcontext() as pool:

        def work(bounds: Range, stop: threading.Event) -> list[Skipped]:
            if pool is None:
                return decode_range(
                    source, preprocessing, write, bounds, strict=strict, count=counter.add, stopped=stop.is_set
                )
            skipped = pool.decode(bounds)
            counter.add(bounds[1] - bounds[0])
            return skipped

        ranges = split_into_ranges(source, rows_at_once(preprocessing))
        abandon = pool.kill if pool is not None else lambda: None
        skipped = [bad for found in map_ranges(ranges, work, workers, counter.report, abandon) for bad in found]
    if len(skipped) == len(source):
        first = min(skipped)
        raise DataError(
            f"{none_readable(len(source), f'of {source.typed}')}; the first is {first.name}: {first.reason}."
        )
    return sorted(skipped)
