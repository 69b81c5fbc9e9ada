"""Classification accuracy scores by logistic regression on features (`accuracies.py` defines the scores).

The classifier is fixed: features standardised on the training part, minimising the mean log loss plus `penalty` / 2
times the squared weights. It takes seconds and has no learning rate to tune; the accuracies are those that the features
allow. `network_accuracy.py` trains a network on the pictures themselves, as in the paper.
Shape letters: N pictures, F features.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes.accuracies import OPTIONS, accuracies, accuracy_outputs
from imagewright.metrics.metric import Metric, MetricContext, Sample, Value

# Of the typical standard deviation: a feature that hardly varies in the training part is divided by no less than this.
LEAST_DEVIATION = 0.01
TESTED_AT_ONCE = 4096  # pictures
MOST_ITERATIONS = 500  # of the solver (L-BFGS)


@dataclass(frozen=True)
class LogisticClassifier:
    """Logistic regression on standardised features.

    classifier: of scikit-learn.
    mean: of the features that it was trained on, (F,).
    deviation: their standard deviations, (F,).
    """

    classifier: Any
    mean: np.ndarray
    deviation: np.ndarray

    def correct(self, features: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether it classifies features (N, F) at `rows` int64 (n,) as their labels int64 (N,): bool (n,)."""
        found = []
        for start in range(0, len(rows), TESTED_AT_ONCE):
            part = rows[start : start + TESTED_AT_ONCE]
            found.append(self.classifier.predict((features[part] - self.mean) / self.deviation) == labels[part])
        return np.concatenate(found)


def fit_classifier(features: np.ndarray, labels: np.ndarray, rows: np.ndarray, penalty: float) -> LogisticClassifier:
    """Fit a classifier.

    features: (N, F).
    labels: int64 (N,).
    rows: the rows to train on, int64 (n,); their features are copied into memory.
    penalty: of the squared weights, relative to the mean log loss.

    Raises `DataError` for rows of one class.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels[rows])) < 2:
        raise DataError(
            f"All {len(rows):,} pictures to train a classifier on are of one class: at least two are needed."
        )
    inputs = features[rows].astype(np.float64)
    mean, deviation = inputs.mean(0), inputs.std(0)
    deviation = np.maximum(deviation, LEAST_DEVIATION * float(np.sqrt(np.square(deviation).mean())))
    deviation[deviation == 0] = 1
    inputs -= mean
    inputs /= deviation
    classifier = LogisticRegression(C=1 / (penalty * len(rows)), max_iter=MOST_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 500 iterations are close enough
        return LogisticClassifier(classifier.fit(inputs, labels[rows]), mean, deviation)


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    assert reference.features is not None
    penalty = context.options["penalty"]
    if not penalty > 0:
        raise ConfigError(f"penalty={penalty:g}, but a number above 0 was expected.")

    def train(features: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> LogisticClassifier:
        return fit_classifier(features, labels, rows, penalty)

    sources = sample.features, reference.features
    return accuracies(sample, reference, context, name="accuracy", sources=sources, train=train)


METRIC = Metric(
    name="classification_accuracy",
    outputs=accuracy_outputs("accuracy", "accuracy"),
    needs=frozenset({"features", "reference", "labels", "reference labels"}),
    compute=_compute,
    source="Ravuri & Vinyals 2019, arXiv:1905.10887; Shmelkov et al. 2018, arXiv:1807.09499",
    summary="classes of generated pictures, by logistic regression on features",
    least=10,
    advised=2_000,
    why_advised="a classifier learns little from few pictures, and its accuracy on few is coarse",
    options={**OPTIONS, "penalty": 0.01},
)
