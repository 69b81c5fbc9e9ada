"""Checkpoints and the report page of a run: observers of a training."""

from __future__ import annotations

import math
import time

from imagewright import agreement, distributed
from imagewright.runs.report.page import write_report
from imagewright.training import state
from imagewright.training.density import share_density
from imagewright.training.milestones import SHARE
from imagewright.training.observers import NotFinite, Observer, Report, Training

# Writing the page takes some tenths of a second, and seconds after many reports. A short training writes it at its end
# only, a long one at most this often, and in a bounded share of the time.
PAGE_SECONDS = 10.0


class Checkpoints(Observer):
    """Writes a checkpoint every `every` images and at the end. It must be on all ranks, which average statistics."""

    paced = "checkpoints"

    def __init__(self, every: int | None) -> None:
        self.every = every
        self.written: int | None = None

    def begin(self, training: Training) -> None:
        self.training = training

    def at(self, images_seen: int, report: Report | None) -> None:
        self._write(images_seen, ended=False)

    def _write(self, images_seen: int, *, ended: bool) -> None:
        engine = self.training.engine
        wrong = [name for name, total in engine.sums.items() if not math.isfinite(total.item())]
        if distributed.any_rank(bool(wrong)):
            raise NotFinite(f"{', '.join(wrong) or 'a loss on another rank'} became NaN or infinite")
        engine.synchronise_statistics()
        agreement.first_on_main(lambda: self._save(ended=ended))
        share_density(self.training.model)
        self.written = images_seen

    def _save(self, *, ended: bool) -> None:
        training = self.training
        try:
            # Reports before this one used the statistics of the main rank alone.
            training.prepare_verbs(ended=ended, anew=distributed.world_size() > 1)
        finally:  # whatever a fit fails of, the steps before it are saved
            training.save(lambda: state.save_checkpoint(training))
        training.run.prune(training.options.keep_checkpoints)

    def end(self, images_seen: int) -> None:
        if self.written != images_seen:
            self._write(images_seen, ended=True)


class ReportPage(Observer):
    """Writes `report.html` after reports, but not often, and at the end; on the main rank."""

    paced = "reports"

    def __init__(self, every: int | None) -> None:
        self.every = every

    def begin(self, training: Training) -> None:
        self.training = training
        self._written, self._seconds = time.monotonic(), 0.0

    def at(self, images_seen: int, report: Report | None) -> None:
        if time.monotonic() - self._written > max(PAGE_SECONDS, self._seconds / SHARE):
            self.end(images_seen)

    def end(self, images_seen: int) -> None:
        started = time.monotonic()
        self.training.save(lambda: write_report(self.training.run.path))
        self._written = time.monotonic()
        self._seconds = self._written - started
