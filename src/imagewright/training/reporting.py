"""Reporters: what is called with the progress of a training, as the command line's bar, plain lines, or nothing."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any, Protocol, TextIO

from imagewright.runs.run import Run

SECONDS_BETWEEN_LINES = 10.0  # of a long preparation, in a log


class Reporter(Protocol):
    """Called by `train` on the main rank only, between steps."""

    def preparing(self, done: int, total: int) -> None:
        """Called now and then while images are decoded into the cache, before training starts."""
        ...

    def started(self, run: Run, total: int) -> None:
        """A training up to `total` images seen starts, or continues."""
        ...

    def progressed(self, images_seen: int) -> None:
        """Called after every step: it must be cheap."""
        ...

    def reported(self, record: dict[str, Any]) -> None:
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

    def reported(self, record: dict[str, Any]) -> None: ...

    def message(self, text: str) -> None: ...

    def finished(self, run: Run) -> None: ...


class PlainLines(Silent):
    """One line a report: for pipes, logs and notebooks."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.total = 0
        self._prepared = time.monotonic()

    def preparing(self, done: int, total: int) -> None:
        if time.monotonic() - self._prepared > SECONDS_BETWEEN_LINES:
            self._prepared = time.monotonic()
            self.message(f"preparing {done:,} / {total:,} pictures")

    def started(self, run: Run, total: int) -> None:
        self.total = total
        self.message(f"training {run.model} in {run.path}: {total:,} images")

    def reported(self, record: dict[str, Any]) -> None:
        self.message(report_line(record, self.total))

    def message(self, text: str) -> None:
        with suppress(BrokenPipeError):  # a reader that went away does not end a training
            print(text, file=self.stream, flush=True)


def report_line(record: dict[str, Any], total: int) -> str:
    """A report as one line of text."""
    figures = {**record.get("losses", {}), **record.get("derived_metrics", {})}
    losses = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    return f"{record['images_seen']:>11,} / {total:,} images  {record['images_per_second']:,.0f}/s  {losses}"
