"""A trained classifier on labelled pictures: accuracy, who is taken for whom, and the mistakes it is surest of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.capabilities import Classifies, require
from imagewright.images import Images
from imagewright.verbs.apply import RunLike, classify, images_for, resolve_model


@dataclass(frozen=True)
class Confusion:
    """What a classifier said of N pictures, by the numbers of its K classes.

    `probabilities` float32 (N, K); `said` int64 (N,); `truth` int64 (N,): -1 for a class that the classifier was not
    taught, or None where the pictures have no labels. `unknown`: the names of such classes.
    """

    class_names: tuple[str, ...]
    probabilities: np.ndarray
    said: np.ndarray
    truth: np.ndarray | None
    unknown: tuple[str, ...] = ()

    @property
    def judged(self) -> np.ndarray:
        """The pictures whose class the classifier knows, int64."""
        return np.flatnonzero(self.truth >= 0) if self.truth is not None else np.zeros(0, np.int64)

    @property
    def accuracy(self) -> float | None:
        """The share of these that got their own class, or None where there are none."""
        rows = self.judged
        return None if self.truth is None or len(rows) == 0 else float((self.said[rows] == self.truth[rows]).mean())

    @property
    def mean_class_accuracy(self) -> float | None:
        """The mean over the classes of the share that is right: a rare class counts as much as a common one."""
        counts = self.matrix()
        there = counts.sum(1) > 0
        return float((counts.diagonal()[there] / counts.sum(1)[there]).mean()) if there.any() else None

    def matrix(self) -> np.ndarray:
        """Pictures by true class (rows) and class said (columns): int64 (K, K)."""
        counts = np.zeros((len(self.class_names),) * 2, np.int64)
        if self.truth is not None:
            np.add.at(counts, (self.truth[self.judged], self.said[self.judged]), 1)
        return counts

    def mistakes(self) -> np.ndarray:
        """The pictures that got a wrong class, int64, the one of the greatest probability first."""
        if self.truth is None:
            return np.zeros(0, np.int64)
        wrong = self.judged[self.said[self.judged] != self.truth[self.judged]]
        return wrong[np.argsort(-self.probabilities[wrong, self.said[wrong]], kind="stable")]


def confusion_of(run: RunLike, images: Images) -> Confusion:
    """Classify every picture, at the size of the run, and set it against the labels where there are any.

    Classes are the same where their names are. Raises `UserError` for a run that does not classify.
    """
    model = resolve_model(run)
    images = images_for(model, images).prepare()
    log_probabilities = classify(model, images).numpy()
    names = require(model, Classifies).class_names
    truth: np.ndarray | None = None
    unknown: tuple[str, ...] = ()
    if images.labels is not None and images.class_names is not None:
        number_of = {name: number for number, name in enumerate(names)}
        numbers = np.array([number_of.get(name, -1) for name in images.class_names])
        truth = numbers[images.labels]
        unknown = tuple(images.class_names[label] for label in np.unique(images.labels) if numbers[label] < 0)
    return Confusion(names, np.exp(log_probabilities), log_probabilities.argmax(1), truth, unknown)
