"""Scores during a training, of the model as the verbs would use it (with its moving averages).

They are computed on the main rank alone, with random numbers of their own, so that the weights of a training are the
same with and without them.
"""

from __future__ import annotations

import torch

from imagewright import agreement
from imagewright.images import Images
from imagewright.metrics.plans import make_plans
from imagewright.metrics.scorer import Scorer
from imagewright.metrics.subjects import SampledPictures, Source, Subject, check_can_sample
from imagewright.model import Model
from imagewright.runs.report.page import write_report
from imagewright.runs.report.score_tables import format_score
from imagewright.runs.run import Run
from imagewright.runs.scores import add_scores
from imagewright.training.observers import Observer, Report, Training
from imagewright.training.options import TrainingOptions
from imagewright.verbs.blocks import evaluating


class EvaluationObserver(Observer):
    """Scores the model every `every` images, by the training options that begin with `evaluate_`.

    It must be on all ranks; the main rank computes, and the others wait.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.evaluator: Evaluator | None = None

    def begin(self, training: Training) -> None:
        self.training = training
        agreement.first_on_main(self._open)

    def at(self, images_seen: int, report: Report | None) -> None:
        agreement.first_on_main(lambda: self._evaluate(images_seen))

    def _open(self) -> None:
        training = self.training
        self.evaluator = Evaluator(training.model, training.images, training.run, training.options, training.device)

    def _evaluate(self, images_seen: int) -> None:
        training = self.training
        assert self.evaluator is not None
        training.prepare_verbs()
        with training.engine.averages.in_place(training.model):
            scores = self.evaluator.evaluate(training.model, images_seen)
        training.reporter.message(scores)
        training.save(lambda: write_report(training.run.path))


class Evaluator:
    """Scores a model in training against real pictures.

    model: of any weights; only its configuration and verbs are read here.
    images: of the training; the real pictures, unless `evaluate_against` names others.
    run: where scores are added.
    options: of the training; those that begin with `evaluate_`, and the seed.
    device: where features are computed.

    Raises `UserError` before the training starts if scoring cannot work: for unknown metrics, features whose weights
    are missing, a model that cannot sample, or a source that does not exist.
    """

    def __init__(self, model: Model, images: Images, run: Run, options: TrainingOptions, device: torch.device) -> None:
        self.run, self.images, self.count, self.seed = run, images, options.evaluate_count, options.seed
        self.against: Source = images if options.evaluate_against is None else options.evaluate_against
        subject = self._subject(model, 0)
        check_can_sample(subject)  # before weights of features are asked for, which would be of no use
        metrics = options.evaluate_metrics.replace(",", " ").split()
        (plan,) = make_plans(metrics, (), options.evaluate_features, None, self.count, None)
        self.scorer = Scorer(plan, seed=self.seed, device=str(device), all_on_this_rank=True, progress=None)
        self.scorer.open_reference(subject, self.against)

    def evaluate(self, model: Model, images_seen: int) -> str:
        """Score the model's present weights, add the scores to the run, and return them as a line for the log."""
        # Evaluation mode is set here once, not by each verb in turn, because several threads may sample at once.
        with evaluating(model), torch.random.fork_rng(devices=[]):
            found = self.scorer.score(self._subject(model, images_seen), self.against, self.images)
        add_scores(self.run.path, found)
        return f"scores at {images_seen:,}: " + "  ".join(f"{score.title} {format_score(score)}" for score in found)

    def _subject(self, model: Model, images_seen: int) -> Subject:
        config = model.config
        pictures = SampledPictures(model, self.count, self.seed)
        subject = Subject(
            str(self.run.path), pictures, config.size, config.channels, model, run=self.run, images_seen=images_seen
        )
        return subject.by_distribution()[0]
