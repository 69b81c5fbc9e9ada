"""Generative and discriminative classifiers on the same labelled pictures: accuracy against training pictures.

Ng & Jordan 2001, "On discriminative vs. generative classifiers: a comparison of logistic regression and naive Bayes":
generative classifiers approach their best accuracy with fewer pictures, discriminative classifiers have the better
asymptotic accuracy. All classifiers use the same features: principal components, or the latents of a run.
Shape letters: N pictures, K classes, D features, T numbers of training pictures tried, R random splits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright import catalogue
from imagewright.analysis.classifiers.overlap import note_on_split, note_on_test_set
from imagewright.analysis.classifiers.splits import (
    LabelledFeatures,
    TrainTestSplit,
    choose_test_rows,
    make_split,
    match_labels,
    require_labels,
)
from imagewright.analysis.spaces import at_working_size
from imagewright.capabilities import Encodes, require
from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.files import write_whole, written_together
from imagewright.images import Images, open_images
from imagewright.images.label_arrays import LabelsLike
from imagewright.model import Model
from imagewright.models.shared.points import fit_classifier, log_probabilities
from imagewright.notebooks import NotebookDisplay
from imagewright.output.tables import write_table
from imagewright.output.writing import refuse_existing
from imagewright.progress import ProgressCounter, StageProgress, progress_of_stage
from imagewright.reprs import MORE, WRITES, names_text, short_repr
from imagewright.seeds import derive_seed
from imagewright.shared_work import computed_here, shared_map
from imagewright.verbs.apply import RunLike, images_for, resolve_model

MOST_BY_DEFAULT = 10_000  # training pictures at the end of the curves
CURVES, REGIONS, SAMPLES, TABLE, RESULTS = "curves.png", "regions.png", "samples.png", "results.csv", "results.json"
FILES = (CURVES, REGIONS, SAMPLES, TABLE, RESULTS)


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec:
    """One classifier of the comparison: a model of the catalogue and its options."""

    title: str
    model: str
    generative: bool
    options: dict[str, Any] = field(default_factory=dict)

    def fit(self, training: LabelledFeatures, class_names: tuple[str, ...]) -> Model:
        """Fit the classifier to labelled features."""
        return fit_classifier(self.model, self.options, training.points, training.labels, class_names)


CLASSIFIERS = {
    "linear_gda": ClassifierSpec(title="linear GDA", model="gda", generative=True),
    "quadratic_gda": ClassifierSpec(
        title="quadratic GDA", model="gda", generative=True, options={"boundary": "quadratic"}
    ),
    "naive_bayes": ClassifierSpec(title="naive Bayes", model="naive_bayes", generative=True),
    "logistic_regression": ClassifierSpec(title="logistic regression", model="logistic_regression", generative=False),
    "linear_svm": ClassifierSpec(title="linear SVM", model="linear_svm", generative=False),
}


@dataclass(kw_only=True)
class ClassifierComparison(NotebookDisplay):
    """Accuracies of classifiers on test pictures, by the number of training pictures.

    images: the labelled pictures.
    classifiers: the classifiers by name.
    counts: numbers of training pictures, ascending, T of them.
    accuracies: accuracy after each number of training pictures and in each split, by classifier, float64 (T, R).
    class_names: the classes, in the order of their numbers.
    features: description of the features, for the user.
    held_out: description of the test pictures, for the user.
    first_split: the first random split, from which figures are drawn.
    sorted_by_variance: whether features are in descending order of variance.
    seed: the random seed.
    notes: for the user, such as that test pictures are among the training pictures.
    """

    images: Images
    classifiers: dict[str, ClassifierSpec]
    counts: list[int]
    accuracies: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    features: str
    held_out: str
    first_split: TrainTestSplit
    sorted_by_variance: bool
    seed: int
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        what = f"{names_text(self.classifiers, 5)} on {len(self.images):,} pictures of {len(self.class_names)} classes"
        return short_repr(self, what, WRITES, MORE)

    @property
    def chance(self) -> float:
        """The accuracy of always answering the class that is commonest in the test part of the first split."""
        labels = self.first_split.test.labels
        return float(labels.bincount().max()) / len(labels)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as JSON values."""
        return {
            "features": self.features,
            "held_out": self.held_out,
            "counts": self.counts,
            "chance": self.chance,
            "classes": list(self.class_names),
            "accuracies": {name: shares.tolist() for name, shares in self.accuracies.items()},
            "options": {name: dict(each.options) for name, each in self.classifiers.items()},
            "source": self.images.describe(),
            "notes": list(self.notes),
            "seed": self.seed,
        }

    def lines(self) -> list[str]:
        """A summary in sentences: accuracies from the fewest and from the most training pictures."""
        few, many = self.counts[0], self.counts[-1]
        return [f"accuracy on {self.held_out} (chance {self.chance:.1%}); {self.features}:"] + [
            f"  {each.title:<20} {shares[0].mean():6.1%} from {few:,} pictures, {shares[-1].mean():6.1%} from {many:,}"
            for each, shares in ((each, self.accuracies[name]) for name, each in self.classifiers.items())
        ]

    @written_together()
    def write(self, folder: str | Path, *, force: bool = False) -> list[Path]:
        """Write curves, decision regions, samples (if a generative classifier can be decoded), a table and all numbers.

        folder: created if it is missing.
        force: whether to replace existing files.

        Returns the paths written. Raises `RunError` if a file exists (without `force`) or cannot be written.
        """
        from imagewright.analysis.classifiers import figures

        folder = Path(folder)
        refuse_existing([folder / name for name in FILES], force=force)
        figures.write_curves(self, folder / CURVES, force=force)
        in_the_plane = figures.write_regions(self, folder / REGIONS, force=force)
        has_samples = figures.write_samples(self, folder / SAMPLES, force=force)
        write_table(folder / TABLE, *self._table(), force=force)
        results = self.to_dict() | {"accuracy_in_the_plane": in_the_plane}
        write_whole(folder / RESULTS, json.dumps(results, indent=2, default=str) + "\n", is_result=True)
        return [folder / name for name in FILES if name != SAMPLES or has_samples]

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """The header and rows of the table: one row for each classifier and number of training pictures."""
        rows = [
            [name, str(count), f"{shares.mean():.6g}", f"{shares.std():.6g}", *(f"{share:.6g}" for share in shares)]
            for name in self.classifiers
            for count, shares in zip(self.counts, self.accuracies[name], strict=True)
        ]
        repeats = len(rows[0]) - 4
        return ["classifier", "pictures", "accuracy", "deviation", *(f"split {n}" for n in range(repeats))], rows


def compare_classifiers(
    images: Any,
    *,
    models: Sequence[str] = (),
    counts: Sequence[int] = (),
    repeats: int = 5,
    components: int | None = None,
    encoder: RunLike | None = None,
    test: Any = None,
    test_split: str | None = None,
    test_share: float = 0.25,
    size: int | tuple[int, int] | None = None,
    split: str | None = None,
    labels: LabelsLike | None = None,
    label_column: str | None = None,
    seed: int = 0,
    progress: StageProgress | None = None,
) -> ClassifierComparison:
    """Fit classifiers to growing numbers of labelled pictures, and measure their accuracy on test pictures.

    images: labelled pictures, as for `open_images`.
    models: names in `CLASSIFIERS`; all classifiers by default.
    counts: numbers of training pictures; a 1-2-5 series by default.
    repeats: random splits that the accuracies are averaged over.
    components: number of principal components, fitted to the training part of each split; at most 64 by default.
    encoder: a run that encodes. Its latents are then the features instead of principal components.
    test: test pictures with the same classes, as for `open_images`; by default a random share of each class.
    test_split: the part of `test` to test on, such as "test"; without `test`, the part of `images`.
    test_share: without `test` and `test_split`, the share of each class to hold out, chosen anew for each split.
    size: size of the pictures; at most 64 a side by default.
    split: a part of `images`, such as "train".
    labels: a file of labels of `images`. Pictures without a class are left out.
    label_column: the column of the labels (see `open_images`).
    seed: random seed of splits and samples.
    progress: called with ("preparing" or "comparing", done, total).

    Raises `DataError` without labels of two classes or for too few pictures, `ConfigError` for an unknown classifier or
    an impossible number.
    """
    classifiers = select_classifiers(models)
    if repeats < 1:
        raise ConfigError(f"repeats={repeats}, but at least one split is needed.")
    model = None if encoder is None else resolve_model(encoder)
    if model is not None:
        require(model, Encodes, str(encoder) if isinstance(encoder, str | Path) else None)
    opened = open_images(images, size, split=split, labels=labels, label_column=label_column).with_classes()
    if model is not None:
        opened = images_for(model, opened)
    elif not opened.size_given:
        opened = at_working_size(opened)
    known_labels = require_labels(opened.prepare(progress_of_stage(progress, "preparing")))
    assert opened.class_names is not None
    test_images = None
    if test is not None:
        test_images = _open_test_images(test, test_split, opened)
    elif test_split:
        test_images = _open_test_images(images, test_split, opened, labels, label_column)
    test_labels = None if test_images is None else match_labels(test_images, opened.class_names)
    pool = len(opened) if test_images is not None else int((~choose_test_rows(known_labels, test_share, seed)).sum())
    counts = _check_counts(counts, pool, len(np.unique(known_labels)))
    accuracies = {name: np.zeros((len(counts), repeats)) for name in classifiers}
    counter = ProgressCounter(repeats * len(counts) * len(classifiers), progress_of_stage(progress, "comparing"))
    class_names = opened.class_names

    def compare(repeat: int) -> tuple[dict[str, list[float]], TrainTestSplit | None]:
        split_seed = derive_seed(seed, "split", repeat)
        parts = make_split(opened, test_images, test_labels, model, components, test_share, split_seed)
        found: dict[str, list[float]] = {name: [] for name in classifiers}
        for count in counts:
            for name, classifier in classifiers.items():
                fitted = classifier.fit(parts.training.first(count), class_names)
                found[name].append(measure_accuracy(fitted, parts.test))
                counter.advance()
        return found, parts if repeat == 0 else None

    first: TrainTestSplit | None = None
    for repeat, (found, parts) in enumerate(shared_map(compare, range(repeats))):
        first = first or parts
        for name, values in found.items():
            accuracies[name][:, repeat] = values
        if not computed_here(repeat):
            counter.advance(len(counts) * len(classifiers))
    assert first is not None
    dimensions = first.training.points.shape[1]
    test_count = f"{len(first.test.labels):,} pictures held out"
    return ClassifierComparison(
        images=opened,
        classifiers=classifiers,
        counts=counts,
        accuracies=accuracies,
        class_names=opened.class_names,
        features=f"{dimensions} principal components"
        if model is None
        else f"{dimensions} latents of a {catalogue.name_of(model)}",
        held_out=f"{test_count}, {test_share:.0%} of each class, sampled anew for each split"
        if test_images is None
        else f"{test_count}: {test_images.source}",
        first_split=first,
        sorted_by_variance=model is None,
        seed=seed,
        notes=tuple(
            note_on_split(opened, choose_test_rows(known_labels, test_share, derive_seed(seed, "split", 0)))
            if test_images is None
            else note_on_test_set(test_images, opened)
        ),
    )


def _open_test_images(
    source: Any, split: str | None, images: Images, labels: Any = None, label_column: str | None = None
) -> Images:
    """Open the test pictures at the size and with the channels of `images`."""
    if split is not None and not isinstance(source, str | Path):
        raise ConfigError(
            f"test_split={split} needs a source by name, but the pictures are opened already: name the source, or open "
            "the part and give it as test."
        )
    opened = open_images(source, images.size, images.channels, split=split, labels=labels, label_column=label_column)
    return opened.with_classes().prepare()


def select_classifiers(names: Sequence[str]) -> dict[str, ClassifierSpec]:
    """The classifiers of these names, or all. Raises `ConfigError` with the nearest name for an unknown one."""
    for name in names:
        if name not in CLASSIFIERS:
            raise ConfigError(
                f"There is no classifier {name!r}.{nearest_name(name, CLASSIFIERS)} Known: {', '.join(CLASSIFIERS)}."
            )
    return {name: CLASSIFIERS[name] for name in (names or CLASSIFIERS)}


def measure_accuracy(classifier: Model, test: LabelledFeatures) -> float:
    """The share of test pictures that are classified correctly."""
    return float((log_probabilities(classifier, test.points).argmax(1) == test.labels).double().mean())


def _check_counts(counts: Sequence[int], most: int, classes: int) -> list[int]:
    """Numbers of training pictures, ascending; by default a 1-2-5 series up to `most`.

    Raises `DataError` if there are fewer than two pictures a class, `ConfigError` for a number out of range.
    """
    least = 2 * classes
    if most < least:
        raise DataError(
            f"There are {most} pictures to train on, and {classes} classes need {least} at least, two each: "
            "hold out fewer, or give more pictures."
        )
    if not counts:
        end = min(most, MOST_BY_DEFAULT)
        series = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]
        # No number above 0.7 times the last number: the two points would nearly coincide.
        return [count for count in series if least <= count <= 0.7 * end] + [end]
    for count in counts:
        if not least <= count <= most:
            raise ConfigError(
                f"counts={count}, but it must be from {least} (two pictures for each of {classes} classes) to {most:,} "
                "(all that are not held out)."
            )
    return sorted(set(counts))
