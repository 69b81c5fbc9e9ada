"""Pictures that a classifier is tested on and was trained on: equal or nearly equal ones, with their number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.errors import DataError, ImagewrightError
from imagewright.images import Images
from imagewright.images.checks.repeats import describe_repeats, find_repeats, find_shared
from imagewright.metrics.subjects import training_images
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.training.data.validation_split import choose_held_out
from imagewright.verbs.apply import images_for


@dataclass(frozen=True)
class TrainedOn:
    """Which of N pictures a run was trained on.

    seen: bool (N,).
    equal: how many of them equal a training picture; the others nearly equal one.
    whole: whether the pictures are those of the run's source, one by one; those it held out are not seen.
    """

    seen: np.ndarray
    equal: int
    whole: bool = False

    @property
    def count(self) -> int:
        """How many pictures were trained on."""
        return int(self.seen.sum())

    def described(self) -> str:
        """The counts in words, such as "3 exact and 7 near duplicates"."""
        return describe_repeats(self.equal, self.count - self.equal)


def find_trained_on(model: Model, images: Images) -> TrainedOn | str | None:
    """Which pictures a model was trained on, by the fingerprint of its source and by the content of each picture.

    model: loaded from a run; the training pictures are read again.
    images: at the model's size.
    Returns a sentence if the training pictures are no longer there, and None for a model of no run, and for a run that
    was not trained here.
    """
    origin = model.origin
    if origin is None or not origin.path.is_dir():
        return None
    run = Run(origin.path)
    recorded = run.record.get("source")
    if not isinstance(recorded, dict):
        return None
    held_out = _held_out(run, int(recorded.get("count") or 0))
    if recorded.get("fingerprint") == images.fingerprint:
        seen = np.ones(len(images), bool)
        seen[held_out] = False
        return TrainedOn(seen, int(seen.sum()), whole=True)
    try:
        training = training_images(run)
    except DataError:
        training = None
    unknown = (
        f"Whether the run was trained on these pictures cannot be told: the {recorded.get('count', 0):,} pictures of "
        f"{recorded.get('source')} that it was trained on are not there as they were."
    )
    if training is None:
        return unknown
    try:
        shared = find_shared(images, images_for(model, training))
    except ImagewrightError:
        return unknown
    seen = np.zeros(len(images), bool)
    equal, near = (pairs[~np.isin(pairs[:, 1], held_out)] for pairs in (shared.equal, shared.near))
    seen[np.concatenate([equal[:, 0], near[:, 0]])] = True
    return TrainedOn(seen, len(equal))


def _held_out(run: Run, count: int) -> np.ndarray:
    """Which of the `count` pictures of a run's source its training left out, int64."""
    options = run.record.get("options") or {}
    number = options.get("held_out")
    if not isinstance(number, int) or not 0 < number < count:
        return np.empty(0, np.int64)
    return choose_held_out(number, count, int(run.record.get("seed") or 0))


def note_on_split(images: Images, is_test: np.ndarray) -> list[str]:
    """A sentence if pictures of the test part have duplicates in the other part.

    is_test: bool (N,), of each picture.
    """
    repeats = find_repeats(images)
    if not repeats.count:
        return []
    in_both = is_test & np.isin(repeats.first, repeats.first[~is_test])
    exact = is_test & np.isin(repeats.first_equal, repeats.first_equal[~is_test])
    return _note(int(in_both.sum()), int(exact.sum()), int(is_test.sum()), "of the first split ")


def note_on_test_set(test: Images, training: Images) -> list[str]:
    """A sentence if pictures of a test set have duplicates among the training pictures, of the same size."""
    shared = find_shared(test, training)
    return _note(len(shared.equal) + len(shared.near), len(shared.equal), len(test), "")


def _note(count: int, equal: int, of: int, where: str) -> list[str]:
    if not count:
        return []
    return [
        f"{count:,} of {of:,} test pictures {where}have a duplicate among the training pictures "
        f"({describe_repeats(equal, count - equal)}), so the accuracies are in part those of pictures already seen. "
        "`imagewright data check` lists duplicates."
    ]
