"""Classification accuracy scores: what a classifier learns from generated pictures, and what it makes of them.

Ravuri & Vinyals 2019, arXiv:1905.10887: trained on generated pictures and tested on real ones, a classifier is as good
as the generated classes are right and varied. The other way round, trained on real pictures and tested on generated
ones (Shmelkov et al. 2018, arXiv:1807.09499, section 3: GAN-test), it tells whether they are of their classes, not
whether they are varied. Between both stands real to real: trained on as many real pictures, tested on those held out.

The paper trains a ResNet-50 on pictures. Here the classifier is logistic regression on features, by a fixed recipe:
features of the training part at mean 0 and variance 1, the mean log loss and `penalty` / 2 times the squared weights.
It trains in seconds, and has no learning rate to be tuned; accuracies are then those that these features allow.
Shape letters: N pictures, F features.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes import Classes, listed, matched_classes
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.metrics.shares import share_of
from imagewright.seeds import derive_seed

LEAST_WIDTH = 0.01  # of the typical standard deviation: what hardly varies in training must not decide everything
TESTED = 4096  # pictures at a time
MOST_ITERATIONS = 500  # of the solver (L-BFGS)


@dataclass(frozen=True)
class Split:
    """Rows int64 of the real pictures: `training` and `held_out`, each class in both by its share."""

    training: np.ndarray
    held_out: np.ndarray


def split_classes(labels: np.ndarray, held_out: float, seed: int) -> Split:
    """Hold out a share of each class of labels int64 (N,), by the seed."""
    generator = np.random.default_rng(derive_seed(seed, "held out"))
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        held[rows[: round(held_out * len(rows))]] = True
    return Split(np.flatnonzero(~held), np.flatnonzero(held))


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
    share, most, penalty = (setting.options[name] for name in ("held_out", "pictures", "penalty"))
    if not 0 < share < 1 or most < 2 or not penalty > 0:
        raise ConfigError(
            f"held_out={share:g}, pictures={most}, penalty={penalty:g}, but a share between 0 and 1, two pictures or "
            "more and a penalty above 0 were expected."
        )
    classes = matched_classes(sample, reference)
    split = split_classes(classes.real, share, setting.seed)
    _check(classes, split, sample, reference)
    generated, real = sample.features, reference.features
    count = min(most, len(split.training), len(generated))
    generator = np.random.default_rng(derive_seed(setting.seed, "trained on"))
    of_real = np.sort(generator.permutation(split.training)[:count])
    of_generated = np.sort(generator.permutation(len(generated))[:count])
    by_real = train(real, classes.real, of_real, penalty)
    by_generated = train(generated, classes.generated, of_generated, penalty)
    trained = f"{len(np.unique(classes.real)):,} classes, trained on {count:,}"
    missing = classes.missing()
    notes = (f"no picture was generated of {listed(missing)}: none can be told",) if missing else ()
    everything = np.arange(len(generated))

    def accuracy(by: Trained, features: np.ndarray, labels: np.ndarray, rows: np.ndarray, what: str) -> Value:
        value = share_of(by.right(features, rows, labels), f"{len(rows):,} {what} pictures; {trained}")
        return Value(value.value, value.low, value.high, value.interval, notes)

    return {
        "accuracy_fake_to_real": accuracy(by_generated, real, classes.real, split.held_out, "held-out real"),
        "accuracy_real_to_fake": accuracy(by_real, generated, classes.generated, everything, "generated"),
        "accuracy_real_to_real": accuracy(by_real, real, classes.real, split.held_out, "held-out real"),
    }


def _check(classes: Classes, split: Split, sample: Sample, reference: Sample) -> None:
    if len(np.unique(classes.real[split.held_out])) < 2:
        raise DataError(
            f"The {len(reference):,} real pictures of {reference.source} are too few to hold some of each class out: "
            f"several of each of {len(classes.names):,} classes were expected."
        )
    if len(np.unique(classes.generated)) < 2:
        raise DataError(
            f"All {len(sample):,} judged pictures of {sample.source} are of one class, "
            f"{classes.names[int(classes.generated[0])]!r}: a classifier cannot be trained on them."
        )


METRIC = Metric(
    name="classification_accuracy",
    outputs=(
        Output("accuracy_fake_to_real", "accuracy, generated to real", "higher"),
        Output("accuracy_real_to_fake", "accuracy, real to generated", "higher"),
        Output("accuracy_real_to_real", "accuracy, real to real", None),
    ),
    needs=frozenset({"features", "reference", "labels", "reference labels"}),
    compute=_compute,
    source="Ravuri & Vinyals 2019, arXiv:1905.10887; Shmelkov et al. 2018, arXiv:1807.09499",
    least=10,
    advised=2_000,
    why_advised="a classifier learns little from few pictures, and its accuracy on few is coarse",
    options={"held_out": 0.25, "pictures": 10_000, "penalty": 0.01},
)
