"""Reporters: objects that show the progress of a training, such as a progress bar or lines of text."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TextIO

from imagewright.runs.run import Run
from imagewright.wording import for_caller

Say = Callable[[str], None]
"""Called with a sentence that the user should read."""

SECONDS_BETWEEN_LINES = 10.0  # while images are prepared


class Reporter(Protocol):
    """Shows the progress of a training. `train` calls it on the main rank only, between steps."""

    def preparing(self, done: int, total: int) -> None:
        """`done` of `total` images are decoded into the cache. Called repeatedly before training starts."""
        ...

    def started(self, run: Run, total: int) -> None:
        """A training up to `total` images seen starts, or is resumed."""
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

    def preparing(self, done: int, total: int) -> None:
        if time.monotonic() - self._printed > SECONDS_BETWEEN_LINES:
            self._printed = time.monotonic()
            self.message(f"preparing {done:,} / {total:,} pictures")

    def started(self, run: Run, total: int) -> None:
        self.total = total
        self.message(f"training {run.model} in {run.path}: {total:,} images")

    def reported(self, report: dict[str, Any]) -> None:
        self.message(report_line(report, self.total))

    def message(self, text: str) -> None:
        # A closed pipe (`| head`), or a log on a full disk, must not end a training.
        with suppress(OSError, ValueError):
            print(for_caller(text), file=self.stream, flush=True)


def report_line(report: dict[str, Any], total: int) -> str:
    """A report as one line of text. `total`: images seen at the end of the training."""
    figures = {**report.get("losses", {}), **report.get("derived_metrics", {})}
    losses = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    return f"{report['images_seen']:>11,} / {total:,} images  {report['images_per_second']:,.0f}/s  {losses}"
