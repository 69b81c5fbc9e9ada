"""TensorBoard beside the run's own report: the same figures and grids as event files in `RUN/tensorboard`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from imagewright.errors import UserError
from imagewright.runs.run import Run
from imagewright.training.reporting import Reporter

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"


def check_tensorboard() -> None:
    """Raise `UserError` where the package is not installed: before training, not at its first report."""
    try:
        import torch.utils.tensorboard  # noqa: F401 (whether it is there)
    except ImportError:
        raise UserError(
            "tensorboard=True needs the package tensorboard, which is not installed: "
            "`pip install 'imagewright[track]'`, or leave --tensorboard out: report.html shows the same curves."
        ) from None


class Tracked:
    """A reporter that writes events, and hands everything on to another one.

    A resumed run goes on in the same folder: what an earlier process wrote beyond the checkpoint is struck out there.
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

    def progressed(self, images_seen: int) -> None:
        if self._writer is None and self._run is not None:  # only now is it known where training goes on
            from torch.utils.tensorboard import SummaryWriter

            purged = None if images_seen == 0 else images_seen + 1
            self._writer = SummaryWriter(self._run.path / FOLDER, purge_step=purged)
        self.reporter.progressed(images_seen)

    def reported(self, record: dict[str, Any]) -> None:
        if self._writer is not None and self._run is not None:
            seen = record["images_seen"]
            rates = {f"learning rate/{name}": rate for name, rate in record["learning_rates"].items()}
            speed = {"images a second": record["images_per_second"]}
            for name, value in {**record["losses"], **record["derived_metrics"], **rates, **speed}.items():
                self._writer.add_scalar(name, value, seen)
            grid = self._run.path / "samples" / f"{seen:09d}.png"
            if grid.exists():
                with Image.open(grid) as picture:
                    self._writer.add_image("samples", np.asarray(picture.convert("RGB")), seen, dataformats="HWC")
            self._writer.flush()
        self.reporter.reported(record)

    def message(self, text: str) -> None:
        self.reporter.message(text)

    def finished(self, run: Run) -> None:
        if self._writer is not None:
            self._writer.close()
        self.reporter.finished(run)
