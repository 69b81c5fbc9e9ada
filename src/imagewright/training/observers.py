"""What happens beside the steps of a training: reports, previews, checkpoints, scores, the doctor, a studio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from imagewright.errors import RunError, TrainingError
from imagewright.images import Images
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.training.data.rare_resampling import Resampler
from imagewright.training.engine import Engine
from imagewright.training.options import TrainingOptions
from imagewright.training.plan import Plan
from imagewright.training.reporting import Reporter

Line = dict[str, Any]
"""A report: a line of metrics.jsonl."""


@dataclass(kw_only=True)
class Training:
    """A training in progress.

    sources: images by source name; the first source is the one that previews, the doctor and scores look at.
    held_out: indices in the first source that training never shows.
    total: images seen at the end.
    index, images_seen: steps made, and images seen, so far.
    seconds: spent in steps so far, over all processes that trained the run.
    """

    model: Model
    sources: Mapping[str, Images]
    run: Run
    options: TrainingOptions
    plan: Plan
    device: torch.device
    reporter: Reporter
    engine: Engine
    held_out: np.ndarray
    resampler: Resampler | None
    total: int
    index: int = 0
    images_seen: int = 0
    seconds: float = 0.0

    @property
    def images(self) -> Images:
        """The first source."""
        return next(iter(self.sources.values()))

    def save(self, write: Callable[[], object]) -> None:
        """Write to the run. A write that fails ends training with a `RunError` that says what is saved."""
        try:
            write()
        except RunError as error:
            raise RunError(f"{error} {self.run.resume_note()}") from error


class NotFinite(TrainingError):
    """Losses or weights are no finite numbers any more."""


class Observer:
    """Called between the steps of a training, at every so many images. Sub-classes override what they need.

    every: images between two calls of `at`; None: it is never called. At the last image it always is, if not None.
    An observer that exchanges numbers between ranks must be there on all of them.
    """

    every: int | None = None

    def begin(self, training: Training) -> None:
        """Training is about to start, or to continue at `training.images_seen`. Raises for what cannot work later."""

    def at(self, images_seen: int, line: Line | None) -> None:
        """A step has brought training to `images_seen`. `line`: the report, if one is due; observers may add to it."""

    def broke(self, line: Line) -> None:
        """Training breaks down: `line` is a report without losses. Called on the main rank."""

    def end(self, images_seen: int) -> None:
        """Training ended, or was stopped, after the last call of `at`."""
