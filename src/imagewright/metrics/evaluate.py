"""`evaluate`: scores of runs and pictures against a reference, with their recipes and intervals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright import agreement, distributed
from imagewright.errors import DataError, UserError
from imagewright.metrics.plans import DEFAULT_COUNT, FACE_SWAP, ScorePlan, make_plans
from imagewright.metrics.scorer import Scorer
from imagewright.metrics.subjects import (
    Source,
    Subject,
    is_run,
    open_subject,
    recorded_sources,
    swaps_faces,
    training_images,
)
from imagewright.notebooks import lines_html, table_html
from imagewright.output.names import encode_text
from imagewright.output.writing import check_suffix, new_file
from imagewright.progress import StageProgress, progress_of_stage
from imagewright.runs.loading import training_notes
from imagewright.runs.points import names_point
from imagewright.runs.report.score_tables import arrow, format_score
from imagewright.runs.run import Run
from imagewright.runs.scores import Score, add_scores, as_csv, as_json
from imagewright.shared_work import ADVICE, PATIENCE
from imagewright.verbs.apply import RunLike


@dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`.

    scores: of each subject in turn.
    notes: conversions of pictures and cautions, for the user.
    """

    scores: tuple[Score, ...]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """A line for each score: subject, title with an arrow for the better direction, value with its interval."""
        return [f"{each.subject}: {each.title}{arrow(each.better)} {format_score(each)}" for each in self.scores]

    def _repr_html_(self) -> str:
        rows = [(each.subject, each.title + arrow(each.better), format_score(each)) for each in self.scores]
        return table_html(("", "score", "value"), rows) + lines_html(self.notes)

    def to_dict(self) -> dict[str, Any]:
        """The scores with their recipes as in `scores.json`, and the notes, ready for JSON."""
        return {**json.loads(as_json(self.scores)), "notes": list(self.notes)}

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the scores: `.json` with their recipes, or `.csv`; returns the path.

        path: the file.
        force: overwrite a file that exists.

        Raises `UserError` for another suffix, `RunError` for a file that exists without `force`.
        """
        text = as_csv(self.scores) if check_suffix(path, [".json", ".csv"]) == ".csv" else as_json(self.scores)
        with new_file(path, force=force) as file:
            file.write(encode_text(text))
        return Path(path)


def evaluate(
    subjects: RunLike | Source | Sequence[RunLike | Source],
    against: Source | None = None,
    *,
    metrics: str | Sequence[str] | None = None,
    protocols: str | Sequence[str] = (),
    features: str | None = None,
    resize: str | None = None,
    count: int | None = None,
    reference_count: int | None = None,
    size: int | tuple[int, int] | None = None,
    training: Source | None = None,
    images_seen: int | None = None,
    every_checkpoint: bool = False,
    sample_from: str | None = None,
    seed: int = 0,
    device: str = "auto",
    save: bool = True,
    alone: bool = False,
    progress: StageProgress | None = None,
) -> Evaluation:
    """Score runs, models, or any source of pictures against real pictures.

    subjects: one or several runs, models, weights files, or sources of pictures; `RUN@400k` is one checkpoint.
    against: the real pictures, any source; by default the training pictures of each run, which a note says.
    metrics: names, with options as in `precision_recall:neighbours=5`; by default fd, kd, precision_recall and
        density_coverage, and face_swap for models that swap faces.
    protocols: names that fix metric, features and counts, such as `fid50k_full`.
    features: `inception` (default), `dinov2`, `efficientnet_lite0`, `random`, `pixels`, `classifier:RUN`, or a
        network of the user's own.
    resize: the resize filter before the network, instead of the network's own.
    count: samples of each model (10,000 by default), or pictures of a source (all by default).
    reference_count: real pictures, chosen by the seed; all by default.
    size: (height, width) or a side in pixels, for sources. Real pictures are resized to the size of what is scored.
    training: the training pictures of the models, for memorisation; by default those that each run's record names.
    images_seen: an earlier checkpoint of the runs.
    every_checkpoint: score all checkpoints that the runs hold.
    sample_from: "fitted" or "prior" alone, for models that sample from both; by default both are scored, each as a
        subject of its own, the fitted density first.
    seed: of the samples, and for all other random draws.
    device: auto, cpu, cuda or mps.
    save: save the scores in the run directories.
    alone: compute in this process alone under `torchrun`. By default all ranks call this function and share the work,
        and the main rank returns the scores.
    progress: called with (stage, done, total).

    Raises `UserError` and its kinds for what cannot be computed: too few pictures, no labels, unknown names.
    """
    listed: list[Any] = list(subjects) if isinstance(subjects, (list, tuple)) else [subjects]
    if not listed:
        raise UserError("There is nothing to evaluate: give a run, a model or pictures at least.")
    metrics = [metrics] if isinstance(metrics, str) else metrics
    protocols = [protocols] if isinstance(protocols, str) else protocols
    if not metrics and not protocols and all(swaps_faces(each) for each in listed):
        metrics = [FACE_SWAP]  # it samples nothing, which the default metrics score
    plans = make_plans(metrics, protocols, features, resize, count, reference_count)
    pair = (size, size) if isinstance(size, int) else size
    scores: list[Score] = []
    notes: list[str] = []
    with distributed.process_group("cpu", PATIENCE, advice=ADVICE):

        def open_all() -> None:
            for each in listed:  # before the long work, so that a mistake in the last one is reported at once
                decoding = progress_of_stage(progress, f"decoding {each}")
                opened = open_subject(each, count=1, seed=seed, size=pair, images_seen=images_seen, progress=decoding)
                opened.by_distribution(sample_from)

        if alone:
            open_all()
        else:
            agreement.together(open_all)
        for plan in plans:
            chosen_device = str(distributed.choose_device(device))
            scorer = Scorer(plan, seed=seed, device=chosen_device, all_on_this_rank=alone, progress=progress)
            for each in listed:
                for seen in _checkpoints(each, images_seen, every_checkpoint):
                    subject = open_subject(
                        each, count=_count(plan, each), seed=seed, size=pair, images_seen=seen, device=scorer.device
                    )
                    reference = _resolve_reference(against, subject, plan, notes)
                    if seen is None and subject.model is not None:
                        notes += training_notes(subject.model)
                    trained_on = _resolve_training(training, subject, plan)
                    for part in subject.by_distribution(sample_from):
                        found = scorer.score(part, reference, trained_on)
                        if save and subject.run is not None and distributed.is_main():
                            add_scores(subject.run.path, found)
                        scores += found
            notes += scorer.notes
    return Evaluation(tuple(scores), tuple(dict.fromkeys(notes)))


def _count(plan: ScorePlan, subject: Any) -> int | None:
    return plan.count or DEFAULT_COUNT if is_run(subject) else plan.count


def _checkpoints(subject: Any, images_seen: int | None, every: bool) -> list[int | None]:
    """The checkpoints to score, by images seen; None for the latest."""
    if not every or not is_run(subject) or names_point(subject):
        return [images_seen]
    try:
        run = subject if isinstance(subject, Run) else Run(subject)
    except TypeError:  # a model in memory has no checkpoints
        return [None]
    return [checkpoint.images_seen for checkpoint in run.checkpoints()]


def _resolve_reference(against: Source | None, subject: Subject, plan: ScorePlan, notes: list[str]) -> Source | None:
    """The reference of a subject: as given, or the training pictures of its run, with a note."""
    if against is not None or not plan.needs("reference", "reference labels"):
        return against
    if swaps_faces(subject.model):
        faces = recorded_sources(subject.run)
        if len(faces) > 1:
            notes.append(f"The faces that are swapped are those of the training of {subject.name}, {faces[1].source}.")
            return faces[1]
    images = training_images(subject.run)
    if images is None:
        raise DataError(f"{subject.name} has no reference: name real pictures with --against SOURCE.")
    notes.append(
        f"The reference of {subject.name} is its own training pictures, {images.source}: --against names other "
        "pictures."
    )
    return images


def _resolve_training(training: Source | None, subject: Subject, plan: ScorePlan) -> Source | None:
    """The training pictures of a subject: as given, or those of its run; None if no metric needs them."""
    if training is not None or not plan.needs("training"):
        return training
    if swaps_faces(subject.model):
        return next(iter(recorded_sources(subject.run)), None)
    return training_images(subject.run)
