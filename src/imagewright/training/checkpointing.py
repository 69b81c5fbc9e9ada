"""Checkpoints now and then, and the report page of the run: observers of a training."""

from __future__ import annotations

import math
import time

from imagewright import distributed
from imagewright.runs.report.page import write_report
from imagewright.training import state
from imagewright.training.observers import Line, NotFinite, Observer, Training

# The page costs a few tenths of a second: a short training writes it at its end, a long one now and then too.
PAGE_SECONDS = 20.0


class Checkpoints(Observer):
    """Writes a checkpoint at every so many images and at the end; on all ranks, which average their statistics."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.written: int | None = None

    def begin(self, training: Training) -> None:
        self.training = training

    def at(self, images_seen: int, line: Line | None) -> None:
        training, engine = self.training, self.training.engine
        wrong = [name for name, total in engine.sums.items() if not math.isfinite(total.item())]
        if wrong:
            raise NotFinite(f"{', '.join(wrong)} became no number")
        engine.synchronise_statistics()
        if distributed.is_main():
            training.save(lambda: state.save(training))
            training.run.prune(training.options.keep_checkpoints)
        self.written = images_seen
        distributed.barrier()

    def end(self, images_seen: int) -> None:
        if self.written != images_seen:
            self.at(images_seen, None)


class ReportPage(Observer):
    """Keeps `report.html` up to date; on the main rank."""

    def __init__(self, every: int) -> None:
        self.every = every

    def begin(self, training: Training) -> None:
        self.training = training
        self._written = time.monotonic()

    def at(self, images_seen: int, line: Line | None) -> None:
        if time.monotonic() - self._written > PAGE_SECONDS:
            self.end(images_seen)

    def end(self, images_seen: int) -> None:
        self.training.save(lambda: write_report(self.training.run.path))
        self._written = time.monotonic()
