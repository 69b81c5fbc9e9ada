"""Generative against discriminative classifiers on the same labelled pictures: how accurate, from how many pictures.

Ng & Jordan 2001, "On discriminative vs. generative classifiers: a comparison of logistic regression and naive Bayes":
the generative ones near their best from fewer pictures, the discriminative ones end better. All see the same features:
principal components, or the latents of a run. Only latents are held in memory.
Shape letters: N pictures, K classes, D features, T numbers of training pictures tried, R random splits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imagewright import catalogue
from imagewright.analysis.classifiers.splits import Labelled, Split, held_out_of, labels_in, labels_of, split_of
from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.images import Images
from imagewright.model import Model
from imagewright.models.shared.points import classifier_of_points, log_probabilities
from imagewright.seeds import derive_seed

MOST_BY_DEFAULT = 10_000  # training pictures at the end of the curves


@dataclass(frozen=True)
class Contender:
    """One classifier of the comparison: a model of the catalogue and its options."""

    title: str
    model: str
    generative: bool
    options: dict[str, Any] = field(default_factory=dict)


CONTENDERS = {
    "linear_gda": Contender("linear GDA", "gda", True),
    "quadratic_gda": Contender("quadratic GDA", "gda", True, {"boundary": "quadratic"}),
    "naive_bayes": Contender("naive Bayes", "naive_bayes", True),
    "logistic_regression": Contender("logistic regression", "logistic_regression", False),
    "linear_svm": Contender("linear SVM", "linear_svm", False),
}


@dataclass
class Comparison:
    """Accuracies on held-out pictures, float64 (T, R) a contender, and the first split for what else is shown."""

    contenders: dict[str, Contender]
    counts: list[int]
    accuracies: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    features: str
    held_out: str
    first_split: Split
    sorted_by_variance: bool  # whether the first features are those in which the pictures vary most

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The header and the rows of a table: one a contender and number of training pictures."""
        rows = [
            [name, str(count), f"{shares.mean():.6g}", f"{shares.std():.6g}", *(f"{share:.6g}" for share in shares)]
            for name in self.contenders
            for count, shares in zip(self.counts, self.accuracies[name], strict=True)
        ]
        repeats = len(rows[0]) - 4
        return ["classifier", "pictures", "accuracy", "deviation", *(f"split {n}" for n in range(repeats))], rows

    def to_dict(self) -> dict[str, Any]:
        """Everything measured, ready for JSON."""
        return {
            "features": self.features,
            "held_out": self.held_out,
            "counts": self.counts,
            "classes": list(self.class_names),
            "accuracies": {name: shares.tolist() for name, shares in self.accuracies.items()},
            "options": {name: dict(each.options) for name, each in self.contenders.items()},
        }

    def lines(self) -> list[str]:
        """What came out, for the reader: accuracies from the fewest pictures and from the most."""
        few, many = self.counts[0], self.counts[-1]
        return [f"accuracy on {self.held_out}; {self.features}:"] + [
            f"  {each.title:<20} {shares[0].mean():6.1%} from {few:,} pictures, {shares[-1].mean():6.1%} from {many:,}"
            for each, shares in ((each, self.accuracies[name]) for name, each in self.contenders.items())
        ]


def fitted(contender: Contender, training: Labelled, class_names: tuple[str, ...]) -> Model:
    """The contender's model, fitted to labelled points."""
    return classifier_of_points(contender.model, contender.options, training.points, training.labels, class_names)


def accuracy(model: Model, judged: Labelled) -> float:
    """The share of labelled points that get their own class."""
    return float((log_probabilities(model, judged.points).argmax(1) == judged.labels).double().mean())


def chosen_contenders(names: Sequence[str]) -> dict[str, Contender]:
    """The contenders of these names, all where there are none; `ConfigError` with the nearest name for another."""
    for name in names:
        if name not in CONTENDERS:
            raise ConfigError(
                f"There is no classifier {name!r}.{nearest_name(name, CONTENDERS)} Known: {', '.join(CONTENDERS)}."
            )
    return {name: CONTENDERS[name] for name in (names or CONTENDERS)}


def compare(
    images: Images,
    *,
    test: Images | None = None,
    models: Sequence[str] = (),
    counts: Sequence[int] = (),
    repeats: int = 5,
    components: int | None = None,
    encoder: Model | None = None,
    test_share: float = 0.25,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Fit each contender to growing numbers of pictures and judge it on pictures held out, over random splits.

    `test`: pictures to judge by; else a share of each class, `test_share`, drawn anew for each of `repeats` splits.
    `counts`: training pictures, a 1-2-5 series if not given. `components`: of the PCA, computed from each split's
    training pictures without their labels; `encoder`: a model whose latents are the features instead.
    Raises `DataError` without labels of two classes, `ConfigError` for counts and names that cannot be.
    """
    contenders = chosen_contenders(models)
    if repeats < 1:
        raise ConfigError(f"repeats={repeats}, but there must be one split at least.")
    labels = labels_of(images)
    assert images.class_names is not None
    test_labels = None if test is None else labels_in(test, images.class_names)
    pool = len(images) if test is not None else int((~held_out_of(labels, test_share, seed)).sum())
    counts = _checked_counts(counts, pool, len(np.unique(labels)))
    accuracies = {name: np.zeros((len(counts), repeats)) for name in contenders}
    done, total = 0, repeats * len(counts) * len(contenders)
    first: Split | None = None
    for repeat in range(repeats):
        split = split_of(images, test, test_labels, encoder, components, test_share, derive_seed(seed, "split", repeat))
        first = first or split
        for row, count in enumerate(counts):
            for name, contender in contenders.items():
                model = fitted(contender, split.training.first(count), images.class_names)
                accuracies[name][row, repeat] = accuracy(model, split.held_out)
                done += 1
                progress(done, total)
    assert first is not None
    kind = catalogue.name_of(first.encoder)
    size = first.training.points.shape[1]
    return Comparison(
        contenders,
        counts,
        accuracies,
        images.class_names,
        f"{size} principal components" if encoder is None else f"{size} latents of a {kind}",
        f"{len(first.held_out.labels):,} pictures held out"
        + (f", {test_share:.0%} of each class, drawn anew each time" if test is None else f": {test.source}"),
        first,
        sorted_by_variance=encoder is None,
    )


def _checked_counts(counts: Sequence[int], most: int, classes: int) -> list[int]:
    """The numbers of training pictures, ascending; those of a 1-2-5 series, and the most, where none are given."""
    least = 2 * classes
    if most < least:
        raise DataError(
            f"There are {most} pictures to train on, and {classes} classes need {least} at least, two each: "
            "hold out fewer, or give more pictures."
        )
    if not counts:
        end = min(most, MOST_BY_DEFAULT)
        series = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]
        # The last step is no shorter than a third: two points on top of each other say nothing.
        return [count for count in series if least <= count <= 0.7 * end] + [end]
    for count in counts:
        if not least <= count <= most:
            raise ConfigError(
                f"counts={count}, but it must be from {least} (two pictures for each of {classes} classes) to {most:,} "
                "(all that are not held out)."
            )
    return sorted(set(counts))
