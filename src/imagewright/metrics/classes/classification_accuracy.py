"""Classification accuracy scores by logistic regression on features (`accuracies.py` says what they tell).

It is fitted by a fixed recipe: features of the training part at mean 0 and variance 1, the mean log loss and `penalty`
/ 2 times the squared weights. That takes seconds, and has no learning rate to be tuned; accuracies are those that these
features allow. `network_accuracy.py` trains a network on the pictures themselves, as the paper does.
Shape letters: N pictures, F features.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes.accuracies import OPTIONS, accuracies, outputs_of
from imagewright.metrics.metric import Metric, Sample, Setting, Value

LEAST_WIDTH = 0.01  # of the typical standard deviation: what hardly varies in training must not decide everything
TESTED = 4096  # pictures at a time
MOST_ITERATIONS = 500  # of the solver (L-BFGS)


@dataclass(frozen=True)
class Trained:
    """A classifier of scikit-learn, and the mean (F,) and width (F,) of the features that it was trained on."""

    classifier: Any
    mean: np.ndarray
    width: np.ndarray

    def right(self, features: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether it tells the class of features (N, F) at `rows` int64 (n,), by labels int64 (N,): bool (n,)."""
        found = []
        for start in range(0, len(rows), TESTED):
            part = rows[start : start + TESTED]
            found.append(self.classifier.predict((features[part] - self.mean) / self.width) == labels[part])
        return np.concatenate(found)


def train(features: np.ndarray, labels: np.ndarray, rows: np.ndarray, penalty: float) -> Trained:
    """A classifier of features (N, F) and labels int64 (N,) at `rows` int64 (n,), which are held in memory.

    Raises `DataError` for rows of one class.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels[rows])) < 2:
        raise DataError(f"All {len(rows):,} pictures to train a classifier on are of one class: more are needed.")
    points = features[rows].astype(np.float64)
    mean, width = points.mean(0), points.std(0)
    width = np.maximum(width, LEAST_WIDTH * float(np.sqrt(np.square(width).mean())))
    width[width == 0] = 1
    points -= mean
    points /= width
    classifier = LogisticRegression(C=1 / (penalty * len(rows)), max_iter=MOST_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is near enough then
        return Trained(classifier.fit(points, labels[rows]), mean, width)


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    assert reference.features is not None
    penalty = setting.options["penalty"]
    if not penalty > 0:
        raise ConfigError(f"penalty={penalty:g}, but more than 0 was expected.")

    def fitted(features: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> Trained:
        return train(features, labels, rows, penalty)

    sources = sample.features, reference.features
    return accuracies(sample, reference, setting, name="accuracy", sources=sources, train=fitted)


METRIC = Metric(
    name="classification_accuracy",
    outputs=outputs_of("accuracy", "accuracy"),
    needs=frozenset({"features", "reference", "labels", "reference labels"}),
    compute=_compute,
    source="Ravuri & Vinyals 2019, arXiv:1905.10887; Shmelkov et al. 2018, arXiv:1807.09499",
    least=10,
    advised=2_000,
    why_advised="a classifier learns little from few pictures, and its accuracy on few is coarse",
    options={**OPTIONS, "penalty": 0.01},
)
