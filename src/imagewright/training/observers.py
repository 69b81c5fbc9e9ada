"""Observers: objects that are called between the steps of a training, such as previews, checkpoints and the doctor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from imagewright.errors import RunError, TrainingError
from imagewright.images import Images
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.seeds import derive_seed
from imagewright.training.data.rare_resampling import Resampler
from imagewright.training.density import SEEN_EACH, DensityFitter
from imagewright.training.engine import Engine
from imagewright.training.milestones import Pace
from imagewright.training.options import TrainingOptions
from imagewright.training.plan import Plan
from imagewright.training.reporting import Reporter
from imagewright.training_capabilities import (
    AccumulatesStatistics,
    FitsDensity,
    accumulates_statistics,
    fits_density,
)
from imagewright.verbs.blocks import evaluating

MOST_SAMPLES = 1024  # of which standing statistics are computed, at the end of a training

Report = dict[str, Any]
"""A line of metrics.jsonl.

images_seen: the point of the training.
seconds: spent in steps so far.
images_per_second: since the previous report.
losses: the mean of each term since the previous report, by "phase/term".
derived_metrics: figures that follow from the losses (`Model.derived_metrics`).
learning_rates: by network.
memory_bytes: at the peak.
health, findings: of the doctor (docs/doctor.md).
"""


@dataclass(kw_only=True)
class Training:
    """A training in progress.

    model: in training mode; its networks hold their trained weights, not their moving averages.
    sources: images by the name of the source. Previews, the doctor and scores use the first source.
    run: the run directory.
    options: every option of the training; None if the recipe decides.
    plan: the numbers of the training.
    device: of the model.
    reporter: called with progress and messages.
    engine: carries out the steps; `engine.averages.in_place(model)` puts the moving averages into the model.
    held_out: int64, ascending: indices in the first source that training never uses.
    resampler: the weights of `resample`; None without it.
    total: images seen at the end of the training.
    index: steps made so far.
    images_seen: images seen so far.
    seconds: spent in steps so far, over all processes that trained the run.
    pace: when reports and checkpoints are due, where the user did not say; None until the rate is known.
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
    pace: Pace | None = None
    _fitter: DensityFitter | None = field(default=None, init=False, repr=False)
    _accumulated: tuple[int, bool] = field(default=(-1, False), init=False, repr=False)

    @property
    def images(self) -> Images:
        """The first source."""
        return next(iter(self.sources.values()))

    def prepare_verbs(self, *, ended: bool = False, anew: bool = False) -> None:
        """Compute what the verbs need besides trained weights, at this point of the training.

        That is the density from which the model samples, fitted to its latents, and standing statistics of its norms,
        if it has these.

        Whoever shows, scores or saves samples calls this first; it does nothing if it was called at this point. On the
        main rank alone.

        ended: whether this is the end of the training, which takes the time to choose the best mixture.
        anew: also if that was done at this point, since the statistics of norms have changed.
        """
        ended = ended or self.images_seen >= self.total
        if accumulates_statistics(self.model):
            self._accumulate_statistics(self.model, thorough=ended, anew=anew)
        if fits_density(self.model):
            self._fit_density(self.model, ended=ended, anew=anew)

    def _accumulate_statistics(self, model: AccumulatesStatistics, *, thorough: bool, anew: bool) -> None:
        if not anew and self._accumulated >= (self.images_seen, thorough):
            return
        most = MOST_SAMPLES if thorough else MOST_SAMPLES // 4
        count = max(1, min(most, self.images_seen // SEEN_EACH))
        seed = derive_seed(self.plan.seed, "statistics")
        with self.engine.averages.in_place(self.model), evaluating(self.model), torch.no_grad():
            model.accumulate_statistics(count, seed=seed, thorough=thorough)
        self._accumulated = (self.images_seen, thorough)

    def _fit_density(self, model: FitsDensity, *, ended: bool, anew: bool) -> None:
        if self._fitter is None:
            self._fitter = DensityFitter(self.images, self.held_out, self.plan.seed)
        with self.engine.averages.in_place(self.model):
            fitted = self._fitter.fit(self.model, self.images_seen, thorough=ended, anew=anew)
        if fitted and ended and not anew:
            self.reporter.message(f"Samples come from {model.describe_density()}.")

    def save(self, write: Callable[[], object]) -> None:
        """Call `write`, which writes to the run. If it fails, raise `RunError` that also names the last checkpoint."""
        try:
            write()
        except RunError as error:
            raise RunError(f"{error} {self.run.resume_note()}") from error


class NotFinite(TrainingError):
    """A loss or a weight is NaN or infinite."""


class Observer:
    """The base of observers. Its methods do nothing; sub-classes override some of them.

    every: images between two calls of `at`, which is also called after the last step; None: it is never called.
    paced: calls `at` with the reports, or with the checkpoints, where `every` is None.

    Observers that are passed to `train` are called on every rank, after the training's own observers. An observer
    should leave the model as it is, so that a training is the same with and without it.
    """

    every: int | None = None
    paced: Literal["reports", "checkpoints"] | None = None

    def begin(self, training: Training) -> None:
        """Called once, before the first step. A resumed training begins at `training.images_seen`.

        Raise an error here for what could not work later in the training.
        """

    def at(self, images_seen: int, report: Report | None) -> None:
        """Called after a step, every `every` images.

        images_seen: after the step.
        report: the report, if one is due after the same step, else None. The doctor adds its entries before the report
            is written to metrics.jsonl; observers that are passed to `train` receive it afterwards.
        """

    def diverged(self, report: Report) -> None:
        """Called when a loss or a weight is NaN or infinite, before training ends with an error.

        report: without losses.
        """

    def end(self, images_seen: int) -> None:
        """Called once, when training has ended or was stopped, after the last call of `at`."""
