"""Reporters: objects that show the progress of a training, such as a progress bar or lines of text."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TextIO

from imagewright.errors import count_text
from imagewright.runs.run import Run
from imagewright.wording import for_caller

Say = Callable[[str], None]
"""Called with a sentence that the user should read."""

MOST_LOSSES = 8  # terms on a line; a line of more has the sum of each phase
FIRST_SILENCE, LONGEST_SILENCE = 8.0, 300.0  # seconds without a line; each silence may be twice as long as the last
SLOW = 5.0  # seconds, after which the user is told what the program is doing


class Reporter(Protocol):
    """Shows the progress of a training. `train` calls it on the main rank only, between steps."""

    def preparing(self, done: int, total: int) -> None:
        """`done` of `total` images are decoded into the cache. Called repeatedly before training starts."""
        ...

    def started(self, run: Run, total: int) -> None:
        """A training up to `total` images seen starts, or is resumed."""
        ...

    def lengthened(self, total: int) -> None:
        """The training will end at another `total` of images seen, since it is faster than was measured."""
        ...

    def progressed(self, images_seen: int) -> None:
        """A step was made. Called after every step, so that it must be fast."""
        ...

    def reported(self, report: dict[str, Any]) -> None:
        """A report was added to metrics.jsonl."""
        ...

    def message(self, text: str) -> None:
        """A sentence for the user."""
        ...

    def finished(self, run: Run) -> None:
        """Training ended or was stopped."""
        ...


class Silent:
    """Reports nothing."""

    def preparing(self, done: int, total: int) -> None: ...

    def started(self, run: Run, total: int) -> None: ...

    def lengthened(self, total: int) -> None: ...

    def progressed(self, images_seen: int) -> None: ...

    def reported(self, report: dict[str, Any]) -> None: ...

    def message(self, text: str) -> None: ...

    def finished(self, run: Run) -> None: ...


class PlainLines(Silent):
    """Prints messages and one line a report: for pipes, logs and notebooks.

    stream: where to print; the error stream by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.total = 0
        self._printed = time.monotonic()
        self._silence = FIRST_SILENCE
        self._first: tuple[float, int] | None = None  # time and images seen at the first step of this process

    def preparing(self, done: int, total: int) -> None:
        self._break_silence(lambda: f"preparing {done:,} / {total:,} pictures")

    def started(self, run: Run, total: int) -> None:
        self.total, self._silence = total, FIRST_SILENCE
        self.message(f"training {run.model} in {run.path}: {count_text(total, 'image')}")

    def lengthened(self, total: int) -> None:
        self.total = total

    def progressed(self, images_seen: int) -> None:
        if self._first is None:
            self._first = time.monotonic(), images_seen
        self._break_silence(lambda: self._progress_line(images_seen))

    def reported(self, report: dict[str, Any]) -> None:
        self.message(report_line(report, self.total))

    def message(self, text: str) -> None:
        self._printed = time.monotonic()
        # A closed pipe (`| head`), or a log on a full disk, must not end a training.
        with suppress(OSError, ValueError):
            print(for_caller(text), file=self.stream, flush=True)

    def _break_silence(self, line: Callable[[], str]) -> None:
        """Print a line if none was printed for long."""
        if time.monotonic() - self._printed > self._silence:
            self._silence = min(2 * self._silence, LONGEST_SILENCE)
            self.message(line())

    def _progress_line(self, images_seen: int) -> str:
        assert self._first is not None
        since, first = self._first
        rate = (images_seen - first) / max(time.monotonic() - since, 1e-9)
        return f"{images_seen:>11,} / {self.total:,} images  {describe_rate(rate)}/s"


def describe_rate(rate: float) -> str:
    """Images a second in three digits, and all of a larger number's: "72.1", "1,140"."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


@contextmanager
def tell_if_slow(say: Say, text: str) -> Iterator[None]:
    """Within the block, say what the program is doing, once, if it takes more than some seconds."""
    timer = threading.Timer(SLOW, say, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def shown_figures(report: dict[str, Any]) -> dict[str, float]:
    """The losses and derived metrics of a report for a line: each term, or of many terms the sum of each phase.

    The file of metrics and the report page have every term.
    """
    losses: dict[str, float] = report.get("losses", {})
    if len(losses) > MOST_LOSSES:
        phases: dict[str, list[float]] = {}
        for name, value in losses.items():
            phases.setdefault(name.partition("/")[0], []).append(value)
        losses = {f"{phase} ({count_text(len(terms), 'term')})": sum(terms) for phase, terms in phases.items()}
    return {**losses, **report.get("derived_metrics", {})}


def report_line(report: dict[str, Any], total: int) -> str:
    """A report as one line of text. `total`: images seen at the end of the training."""
    losses = "  ".join(f"{name} {value:.4g}" for name, value in shown_figures(report).items())
    return f"{report['images_seen']:>11,} / {total:,} images  {report['images_per_second']:,.0f}/s  {losses}"
