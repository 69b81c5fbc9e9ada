"""Who is told how training goes: the command line's bar, plain lines, or nobody."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any, Protocol, TextIO

from imagewright.runs.run import Run

SECONDS_BETWEEN_LINES = 10.0  # of a long preparation, in a log


class Reporter(Protocol):
    """Told of a training by `train`, on the main rank only, between steps."""

    def preparing(self, done: int, total: int) -> None:
        """Now and then while pictures are decoded into the cache, before training starts."""
        ...

    def started(self, run: Run, total: int) -> None:
        """Training of `total` images starts, or goes on."""
        ...

    def progressed(self, images_seen: int) -> None:
        """After every step; cheap, since it is called in the loop."""
        ...

    def reported(self, record: dict[str, Any]) -> None:
        """A line was added to metrics.jsonl: this one."""
        ...

    def message(self, text: str) -> None:
        """Something the user should know."""
        ...

    def finished(self, run: Run) -> None:
        """Training ended or was stopped."""
        ...


class Silent:
    """Tells nobody."""

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
    figures = {**record.get("losses", {}), **record.get("readings", {})}
    losses = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
    return f"{record['images_seen']:>11,} / {total:,} images  {record['images_per_second']:,.0f}/s  {losses}"
