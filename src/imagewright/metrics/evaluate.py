"""`evaluate`: how good pictures are, against which reference, by which recipe, with what uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from imagewright import distributed
from imagewright.errors import DataError
from imagewright.metrics.plans import DEFAULT_COUNT, Plan, plans_of
from imagewright.metrics.scorer import Judge
from imagewright.metrics.subjects import Source, Subject, is_run, open_subject, training_images
from imagewright.runs.run import Run
from imagewright.runs.scores import Score, add_scores
from imagewright.verbs.apply import RunLike

Progress = Callable[[str, int, int], None]
"""Told what is at work, how much is done, and of how much."""
PATIENCE = 7 * 24 * 3600.0  # seconds that ranks wait for the main one, which computes the metrics


@dataclass(frozen=True)
class Evaluation:
    """The scores, subject by subject, and sentences that the user should read with them."""

    scores: tuple[Score, ...]
    said: tuple[str, ...]


def evaluate(
    subjects: RunLike | Source | Sequence[RunLike | Source],
    against: Source | None = None,
    *,
    metrics: Sequence[str] | None = None,
    protocols: Sequence[str] = (),
    features: str | None = None,
    resize: str | None = None,
    count: int | None = None,
    reference_count: int | None = None,
    size: int | tuple[int, int] | None = None,
    training: Source | None = None,
    images_seen: int | None = None,
    every_checkpoint: bool = False,
    seed: int = 0,
    device: str = "auto",
    save: bool = True,
    alone: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Score runs, models, or any source of pictures, each against the pictures of `against`.

    metrics: names of the table, with options as in `precision_recall:neighbours=5`; by default fd, kd, precision_recall
    and density_coverage. protocols: names that fix metric, features and counts, such as `fid50k_full`. features:
    `inception` (default), `dinov2`, `random`, `pixels`, `classifier:RUN`, or a network of one's own; `resize`: another
    filter before it. count: samples of each model (10,000 by default), or pictures of a source (all of them).
    reference_count: real pictures, chosen by the seed (all by default). size: of sources, in pixels; a model has its
    own, at which real pictures are then judged too. training: what the models were trained on, where a metric asks (by
    default what the run says). against None: what the run was trained on, which is said. images_seen: an earlier
    checkpoint; every_checkpoint: all that are there. save: keep scores in the run directories.
    alone: no sharing of the work under `torchrun`, where else every rank calls this alike and the main one gets scores.

    Raises `UserError` and its kinds for what cannot be judged as asked: too few pictures, no labels, unknown names.
    """
    listed: list[Any] = list(subjects) if isinstance(subjects, (list, tuple)) else [subjects]
    plans = plans_of(metrics, protocols, features, resize, count, reference_count)
    pair = (size, size) if isinstance(size, int) else size
    scores: list[Score] = []
    said: list[str] = []
    with distributed.process_group("cpu", PATIENCE):
        for each in listed:  # a mistake in the last one is said before the long work on the first
            told = None if progress is None else partial(progress, f"decoding {each}")
            open_subject(each, count=1, seed=seed, size=pair, images_seen=images_seen, progress=told)
        for plan in plans:
            judge = Judge(
                plan, seed=seed, device=str(distributed.choose_device(device)), alone=alone, progress=progress
            )
            for each in listed:
                for seen in _checkpoints(each, images_seen, every_checkpoint):
                    subject = open_subject(
                        each, count=_count(plan, each), seed=seed, size=pair, images_seen=seen, device=judge.device
                    )
                    found = judge.scores(
                        subject, _against(against, subject, plan, said), _training(training, subject, plan)
                    )
                    if save and subject.run is not None and distributed.is_main():
                        add_scores(subject.run.path, found)
                    scores += found
            said += judge.said
    return Evaluation(tuple(scores), tuple(dict.fromkeys(said)))


def _count(plan: Plan, subject: Any) -> int | None:
    return plan.count or DEFAULT_COUNT if is_run(subject) else plan.count


def _checkpoints(subject: Any, images_seen: int | None, every: bool) -> list[int | None]:
    if not every or not is_run(subject):
        return [images_seen]
    try:
        run = subject if isinstance(subject, Run) else Run(subject)
    except TypeError:  # a model in memory has one state
        return [None]
    return [checkpoint.images_seen for checkpoint in run.checkpoints()]


def _against(against: Source | None, subject: Subject, plan: Plan, said: list[str]) -> Source | None:
    """What a subject is held against: as given, or what its run was trained on."""
    if against is not None or not plan.needs("reference", "reference labels"):
        return against
    images = training_images(subject.run)
    if images is None:
        raise DataError(f"{subject.name} is held against nothing: name real pictures with against=SOURCE.")
    said.append(
        f"{subject.name} is held against what it was trained on, {images.source}: --against names other pictures."
    )
    return images


def _training(training: Source | None, subject: Subject, plan: Plan) -> Source | None:
    if training is not None or not plan.needs("training"):
        return training
    return training_images(subject.run)
