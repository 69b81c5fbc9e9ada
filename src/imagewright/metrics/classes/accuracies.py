"""Classification accuracy scores of any classifier: trained on one set of labelled pictures, tested on another.

Ravuri & Vinyals 2019, arXiv:1905.10887: a classifier trained on generated pictures and tested on real ones is accurate
only if the generated classes are right and varied. The reverse, trained on real pictures and tested on generated ones
(GAN-test of Shmelkov et al. 2018, arXiv:1807.09499, section 3), shows whether generated pictures are of their classes,
not whether they are varied. For comparison: trained on as many real pictures and tested on held-out real ones.
Shape letters: N pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes.classes import MatchedClasses, join_names, match_classes
from imagewright.metrics.metric import MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.neighbours.shares import wilson_share
from imagewright.seeds import derive_seed

OPTIONS = {"held_out": 0.25, "pictures": 10_000}  # share of real pictures to test on; most pictures to train on
Inputs = TypeVar("Inputs")
Inputs_contra = TypeVar("Inputs_contra", contravariant=True)


class Classifier(Protocol[Inputs_contra]):
    """A trained classifier of any kind of inputs."""

    def correct(self, source: Inputs_contra, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether it classifies the pictures `rows` int64 (n,) of a source as their labels int64 (N,): bool (n,)."""
        ...


Train = Callable[[Inputs, np.ndarray, np.ndarray], Classifier[Inputs]]
"""From a source, its labels int64 (N,) and the rows int64 (n,) to train on to a classifier."""


@dataclass(frozen=True)
class HoldoutSplit:
    """FeatureRows int64 of the real pictures, stratified by class.

    training: to train on.
    held_out: to test on.
    """

    training: np.ndarray
    held_out: np.ndarray


def split_classes(labels: np.ndarray, held_out: float, seed: int) -> HoldoutSplit:
    """Hold out a share of each class of labels int64 (N,), chosen by the seed."""
    generator = np.random.default_rng(derive_seed(seed, "held out"))
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        held[rows[: round(held_out * len(rows))]] = True
    return HoldoutSplit(np.flatnonzero(~held), np.flatnonzero(held))


def accuracy_outputs(name: str, by: str) -> tuple[MetricOutput, ...]:
    """The outputs of `accuracies`.

    name: the beginning of their names.
    by: the beginning of their titles.
    """
    return (
        MetricOutput(f"{name}_fake_to_real", f"{by}, generated to real", "higher"),
        MetricOutput(f"{name}_real_to_fake", f"{by}, real to generated", "higher"),
        MetricOutput(f"{name}_real_to_real", f"{by}, real to real", None),
    )


def accuracies(
    sample: Sample,
    reference: Sample,
    context: MetricContext,
    *,
    name: str,
    sources: tuple[Inputs, Inputs],
    train: Train[Inputs],
) -> dict[str, Value]:
    """The three accuracies, with intervals over the pictures tested.

    sample: the generated pictures, with labels.
    reference: the real pictures, with labels.
    context: with the options `held_out`, the share of real pictures to test on, and `pictures`: both classifiers are
        trained on equally many pictures, at most this number.
    name: the beginning of the outputs' names.
    sources: the generated and the real pictures, as inputs of the classifier.
    train: trains a classifier.

    Raises `ConfigError` for options out of range, `DataError` for classes that do not match or have too few pictures.
    """
    share, most = context.options["held_out"], context.options["pictures"]
    if not 0 < share < 1 or most < 2:
        raise ConfigError(
            f"held_out={share:g}, pictures={most}, but a share between 0 and 1 and at least two pictures were expected."
        )
    classes = match_classes(sample, reference)
    split = split_classes(classes.real, share, context.seed)
    _check(classes, split, sample, reference)
    generated, real = sources
    count = min(most, len(split.training), len(sample))
    generator = np.random.default_rng(derive_seed(context.seed, "trained on"))
    of_real = np.sort(generator.permutation(split.training)[:count])
    of_generated = np.sort(generator.permutation(len(sample))[:count])
    by_real = train(real, classes.real, of_real)
    by_generated = train(generated, classes.generated, of_generated)
    trained = f"{len(np.unique(classes.real)):,} classes, trained on {count:,}"
    missing = classes.missing()
    notes = (
        (f"no picture was generated of {join_names(missing)}: the classifier cannot learn these classes",)
        if missing
        else ()
    )
    everything = np.arange(len(sample))

    def accuracy(by: Classifier[Inputs], source: Inputs, labels: np.ndarray, rows: np.ndarray, what: str) -> Value:
        value = wilson_share(by.correct(source, rows, labels), f"{len(rows):,} {what} pictures; {trained}")
        return Value(value.value, value.low, value.high, value.interval, notes)

    return {
        f"{name}_fake_to_real": accuracy(by_generated, real, classes.real, split.held_out, "held-out real"),
        f"{name}_real_to_fake": accuracy(by_real, generated, classes.generated, everything, "generated"),
        f"{name}_real_to_real": accuracy(by_real, real, classes.real, split.held_out, "held-out real"),
    }


def _check(classes: MatchedClasses, split: HoldoutSplit, sample: Sample, reference: Sample) -> None:
    if len(np.unique(classes.real[split.held_out])) < 2:
        raise DataError(
            f"The {len(reference):,} real pictures of {reference.source} are too few to hold out some of each class: "
            f"several pictures of each of {len(classes.names):,} classes were expected."
        )
    if len(np.unique(classes.generated)) < 2:
        raise DataError(
            f"All {len(sample):,} scored pictures of {sample.source} are of one class, "
            f"{classes.names[int(classes.generated[0])]!r}: a classifier cannot be trained on them."
        )
