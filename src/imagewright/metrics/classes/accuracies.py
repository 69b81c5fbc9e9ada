"""What a classifier learns from one set of labelled pictures and makes of another: both ways, and real to real.

Ravuri & Vinyals 2019, arXiv:1905.10887: trained on generated pictures and tested on real ones, a classifier is as good
as the generated classes are right and varied. The other way round, trained on real pictures and tested on generated
ones (Shmelkov et al. 2018, arXiv:1807.09499, section 3: GAN-test), it tells whether they are of their classes, not
whether they are varied. Between both stands real to real: trained on as many real pictures, tested on those held out.
Shape letters: N pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes.classes import Classes, listed, matched_classes
from imagewright.metrics.metric import Output, Sample, Setting, Value
from imagewright.metrics.neighbours.shares import share_of
from imagewright.seeds import derive_seed

OPTIONS = {"held_out": 0.25, "pictures": 10_000}  # the share of real pictures to test on; to train on, at most
Source = TypeVar("Source")
Seen_contra = TypeVar("Seen_contra", contravariant=True)


class Classifier(Protocol[Seen_contra]):
    """Trained on some pictures, however it sees them."""

    def right(self, source: Seen_contra, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether it tells the class of the pictures `rows` int64 (n,) of a source, by labels int64 (N,): bool (n,)."""
        ...


Train = Callable[[Source, np.ndarray, np.ndarray], Classifier[Source]]
"""From a source, its labels int64 (N,), and the rows int64 (n,) to train on."""


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


def outputs_of(name: str, by: str) -> tuple[Output, ...]:
    """The numbers that `accuracies` gives under a name. `by`: what the classifier is, for their titles."""
    return (
        Output(f"{name}_fake_to_real", f"{by}, generated to real", "higher"),
        Output(f"{name}_real_to_fake", f"{by}, real to generated", "higher"),
        Output(f"{name}_real_to_real", f"{by}, real to real", None),
    )


def accuracies(
    sample: Sample,
    reference: Sample,
    setting: Setting,
    *,
    name: str,
    sources: tuple[Source, Source],
    train: Train[Source],
) -> dict[str, Value]:
    """The three accuracies, with intervals over the pictures tested.

    `sources`: the generated and the real pictures as the classifier sees them; `train` makes one. Real pictures are
    split by the option `held_out`; both classifiers are trained on equally many, the option `pictures` at most.
    Raises `ConfigError` for options that make no sense, `DataError` for classes that cannot be judged.
    """
    share, most = setting.options["held_out"], setting.options["pictures"]
    if not 0 < share < 1 or most < 2:
        raise ConfigError(
            f"held_out={share:g}, pictures={most}, but a share between 0 and 1 and two pictures or more were expected."
        )
    classes = matched_classes(sample, reference)
    split = split_classes(classes.real, share, setting.seed)
    _check(classes, split, sample, reference)
    generated, real = sources
    count = min(most, len(split.training), len(sample))
    generator = np.random.default_rng(derive_seed(setting.seed, "trained on"))
    of_real = np.sort(generator.permutation(split.training)[:count])
    of_generated = np.sort(generator.permutation(len(sample))[:count])
    by_real = train(real, classes.real, of_real)
    by_generated = train(generated, classes.generated, of_generated)
    trained = f"{len(np.unique(classes.real)):,} classes, trained on {count:,}"
    missing = classes.missing()
    notes = (f"no picture was generated of {listed(missing)}: none can be told",) if missing else ()
    everything = np.arange(len(sample))

    def accuracy(by: Classifier[Source], source: Source, labels: np.ndarray, rows: np.ndarray, what: str) -> Value:
        value = share_of(by.right(source, rows, labels), f"{len(rows):,} {what} pictures; {trained}")
        return Value(value.value, value.low, value.high, value.interval, notes)

    return {
        f"{name}_fake_to_real": accuracy(by_generated, real, classes.real, split.held_out, "held-out real"),
        f"{name}_real_to_fake": accuracy(by_real, generated, classes.generated, everything, "generated"),
        f"{name}_real_to_real": accuracy(by_real, real, classes.real, split.held_out, "held-out real"),
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
