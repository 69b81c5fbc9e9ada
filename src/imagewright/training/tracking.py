"""TensorBoard: the figures and previews of a run as event files in `RUN/tensorboard`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.errors import UserError
from imagewright.images.decoding.formats import decode
from imagewright.images.decoding.opening import read_encoded
from imagewright.runs.run import Run
from imagewright.training.reporting import Reporter

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


def check_tensorboard() -> None:
    """Raise `UserError` if the package is not installed, so that training fails at its start, not at a report."""
    try:
        import torch.utils.tensorboard  # noqa: F401 (imported only to see whether it is installed)
    except ImportError:
        raise UserError(
            "tensorboard=True needs the package tensorboard, which is not installed: "
            "`pip install 'imagewright[track]'`, or leave --tensorboard out: report.html shows the same curves."
        ) from None


class TensorBoardReporter:
    """A reporter that writes event files, and passes all calls on to another reporter.

    A resumed run writes to the same folder. Events of an earlier process beyond the checkpoint are marked as purged.

    reporter: receives all calls.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self._run: Run | None = None
        self._writer: SummaryWriter | None = None

    def preparing(self, done: int, total: int) -> None:
        self.reporter.preparing(done, total)

    def started(self, run: Run, total: int) -> None:
        self._run = run
        self.reporter.started(run, total)

    def lengthened(self, total: int) -> None:
        self.reporter.lengthened(total)

    def progressed(self, images_seen: int) -> None:
        if self._writer is None and self._run is not None:  # the first call says where a resumed training starts
            from torch.utils.tensorboard import SummaryWriter

            purged = None if images_seen == 0 else images_seen + 1
            self._writer = SummaryWriter(self._run.path / FOLDER, purge_step=purged)
        self.reporter.progressed(images_seen)

    def reported(self, report: dict[str, Any]) -> None:
        if self._writer is not None and self._run is not None:
            seen = report["images_seen"]
            rates = {f"learning rate/{name}": rate for name, rate in report["learning_rates"].items()}
            speed = {"images a second": report["images_per_second"]}
            for name, value in {**report["losses"], **report["derived_metrics"], **rates, **speed}.items():
                self._writer.add_scalar(name, value, seen)
            grid = self._run.path / "samples" / f"{seen:09d}.png"
            if grid.exists():
                picture = decode(read_encoded(grid), 3)
                self._writer.add_image("samples", np.asarray(picture), seen, dataformats="HWC")
            self._writer.flush()
        self.reporter.reported(report)

    def message(self, text: str) -> None:
        self.reporter.message(text)

    def finished(self, run: Run) -> None:
        if self._writer is not None:
            self._writer.close()
        self.reporter.finished(run)
