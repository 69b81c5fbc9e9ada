"""Scores during a training: at every so many images the model, as the verbs would use it, is scored like any other.

On the main rank alone, from seeds of its own: the weights of a training are the same with and without it.
"""

from __future__ import annotations

import torch

from imagewright import distributed
from imagewright.images import Images
from imagewright.metrics.plans import make_plans
from imagewright.metrics.scorer import Scorer
from imagewright.metrics.subjects import SampledPictures, Source, Subject, check_can_sample
from imagewright.model import Model
from imagewright.runs.report.page import write_report
from imagewright.runs.report.score_tables import format_score
from imagewright.runs.run import Run
from imagewright.runs.scores import add_scores
from imagewright.training.observers import Line, Observer, Training
from imagewright.training.options import TrainingOptions
from imagewright.verbs.blocks import evaluating


class EvaluationObserver(Observer):
    """Scores the model by the options that begin with `evaluate_`; on all ranks, of which the main one computes."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.evaluator: Evaluator | None = None

    def begin(self, training: Training) -> None:
        self.training = training
        distributed.first_on_main(self._open)

    def at(self, images_seen: int, line: Line | None) -> None:
        distributed.first_on_main(lambda: self._evaluate(images_seen))

    def _open(self) -> None:
        training = self.training
        self.evaluator = Evaluator(training.model, training.images, training.run, training.options, training.device)

    def _evaluate(self, images_seen: int) -> None:
        training = self.training
        assert self.evaluator is not None
        with training.engine.averages.in_place(training.model):
            scores = self.evaluator.evaluate(training.model, images_seen)
        training.reporter.message(scores)
        training.save(lambda: write_report(training.run.path))


class Evaluator:
    """Scores a model in training.

    Raises `UserError` at once for what could not be scored later: unknown metrics, features without weights here, a
    model that samples no pictures, a source that is not there.
    """

    def __init__(self, model: Model, images: Images, run: Run, options: TrainingOptions, device: torch.device) -> None:
        self.run, self.images, self.count, self.seed = run, images, options.evaluate_count, options.seed
        self.against: Source = images if options.evaluate_against is None else options.evaluate_against
        metrics = options.evaluate_metrics.replace(",", " ").split()
        (plan,) = make_plans(metrics, (), options.evaluate_features, None, self.count, None)
        self.scorer = Scorer(plan, seed=self.seed, device=str(device), alone=True, progress=None)
        subject = self._subject(model, 0)
        check_can_sample(subject)
        self.scorer.open_reference(subject, self.against)

    def evaluate(self, model: Model, images_seen: int) -> str:
        """Add the scores of a model as it is now to those of the run; returns them as a line for the log."""
        # In use for all of it, and not by each verb in turn: several threads may then sample from it at once.
        with evaluating(model), torch.random.fork_rng(devices=[]):
            found = self.scorer.score(self._subject(model, images_seen), self.against, self.images)
        add_scores(self.run.path, found)
        return f"scores at {images_seen:,}: " + "  ".join(f"{score.title} {format_score(score)}" for score in found)

    def _subject(self, model: Model, images_seen: int) -> Subject:
        config = model.config
        pictures = SampledPictures(model, self.count, self.seed)
        return Subject(
            str(self.run.path), pictures, config.size, config.channels, model, run=self.run, images_seen=images_seen
        )
