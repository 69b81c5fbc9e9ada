"""Progress of long work: the callbacks that callers pass, and a counter that several threads may add to."""

from __future__ import annotations

import threading
from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called now and then during long work with (done, total), both in the same unit."""
StageProgress = Callable[[str, int, int], None]
"""The same for work in several stages: called with (name of the stage, done, total)."""


class ProgressCounter:
    """Counts what is done of `total`, and passes the count to `progress`.

    `add` may be called from any thread. `report` calls `progress`, if the count has changed since the last call: call
    it from one thread, so that `progress` itself need not be thread-safe.

    >>> counter = ProgressCounter(10, lambda done, total: print(f"{done} of {total}"))
    >>> counter.add(4)
    >>> counter.report()
    4 of 10
    >>> counter.report()
    >>> counter.advance(6)
    10 of 10
    """

    def __init__(self, total: int, progress: Progress | None = None) -> None:
        self.total = total
        self._progress = progress
        self._lock = threading.Lock()
        self._done = 0
        self._reported = -1

    @property
    def done(self) -> int:
        """What has been counted so far."""
        return self._done

    def add(self, count: int = 1) -> None:
        """Count `count` more as done, without a report."""
        with self._lock:
            self._done += count

    def report(self) -> None:
        """Call `progress`, if the count has changed since the last report."""
        if self._progress is not None and self._done != self._reported:
            self._reported = self._done
            self._progress(self._reported, self.total)

    def advance(self, count: int = 1) -> None:
        """`add`, then `report`: for work in one thread."""
        self.add(count)
        self.report()


def progress_of_stage(progress: StageProgress | None, stage: str) -> Progress | None:
    """The (done, total) callback of one stage of work in several stages; None if nothing listens."""
    if progress is None:
        return None
    return lambda done, total: progress(stage, done, total)
