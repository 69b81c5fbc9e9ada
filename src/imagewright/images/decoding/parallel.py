"""Work over ranges of pictures in threads, with few ranges in flight, so that memory stays flat."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Result = TypeVar("Result")
Range = tuple[int, int]
POLL_SECONDS = 0.2


def usable_cores() -> int:
    """The cores this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def map_ranges(
    ranges: Iterator[Range],
    work: Callable[[Range, threading.Event], Result],
    workers: int | None,
    tick: Callable[[], None],
    abandon: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Call `work(range, stop)` for each range in threads, and yield the results as they come, in any order.

    ranges: (first, last + 1) each.
    work: looks at the event `stop` now and then, and ends early once it is set.
    workers: how many threads; None for one on each core.
    tick: called from this thread several times a second, for progress.
    abandon: called when an error ends the work, to end whatever the threads wait for.
    The first error of any thread sets `stop`, calls `abandon`, and is raised.
    """
    threads = max(1, workers or usable_cores())
    stop = threading.Event()
    with ThreadPoolExecutor(threads, "imagewright-images") as pool:
        pending: set[Future[Result]] = set()
        try:
            left = True
            while left or pending:
                while left and len(pending) < 2 * threads:
                    chunk = next(ranges, None)
                    left = chunk is not None
                    if chunk is not None:
                        pending.add(pool.submit(work, chunk, stop))
                finished, pending = wait(pending, POLL_SECONDS, FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
                tick()
        except BaseException:
            stop.set()
            for future in pending:
                future.cancel()
            abandon()
            raise
