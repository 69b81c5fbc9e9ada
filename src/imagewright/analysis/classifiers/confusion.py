"""A trained classifier on labelled pictures: accuracy, confusion matrix, and its most confident mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.analysis.classifiers.matching import ClassMatching, finds_own_classes, match_codes
from imagewright.analysis.classifiers.overlap import TrainedOn, find_trained_on
from imagewright.capabilities import Classifies, require
from imagewright.errors import count_text
from imagewright.files import written_together
from imagewright.images import Images
from imagewright.output.tables import write_table
from imagewright.output.writing import check_suffix, refuse_existing
from imagewright.reprs import MORE, WRITES, short_repr
from imagewright.runs.loading import training_notes
from imagewright.verbs.apply import ImagesLike, RunLike, classify, images_for, resolve_model


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """The predictions of a classifier of K classes for N pictures."""

    images: Images
    class_names: tuple[str, ...]
    probabilities: np.ndarray  # float32 (N, K)
    predicted: np.ndarray  # class numbers, int64 (N,)
    truth: np.ndarray | None  # int64 (N,), -1 for no class or an unknown one; None without labels
    unknown: tuple[str, ...] = ()  # names of classes that the classifier does not know
    matching: ClassMatching | None = None  # of classes that the model found without labels, with those of the pictures
    trained_on: TrainedOn | None = None  # the pictures that the run was trained on; None if that is unknown
    notes: tuple[str, ...] = ()  # for the user

    def __repr__(self) -> str:
        what = f"{len(self.images):,} pictures in {len(self.class_names)} classes"
        right = "" if self.accuracy is None else f", {self.accuracy:.2%} right"
        return short_repr(self, what + right, ".predicted, .probabilities", WRITES, MORE)

    @property
    def evaluated(self) -> np.ndarray:
        """Indices of the pictures of a known class, int64."""
        return np.flatnonzero(self.truth >= 0) if self.truth is not None else np.zeros(0, np.int64)

    @property
    def accuracy(self) -> float | None:
        """The share of evaluated pictures that are classified correctly; None if there are none."""
        rows = self.evaluated
        return (
            None if self.truth is None or len(rows) == 0 else float((self.predicted[rows] == self.truth[rows]).mean())
        )

    @property
    def mean_class_accuracy(self) -> float | None:
        """The mean over classes of each class's accuracy, so that rare classes count as much as common ones."""
        counts = self.matrix()
        present = counts.sum(1) > 0
        return float((counts.diagonal()[present] / counts.sum(1)[present]).mean()) if present.any() else None

    @property
    def accuracy_on_new(self) -> float | None:
        """The accuracy on pictures that the run was not trained on; None if there are none, or if unknown."""
        if self.truth is None or self.trained_on is None:
            return None
        rows = self.evaluated[~self.trained_on.seen[self.evaluated]]
        return float((self.predicted[rows] == self.truth[rows]).mean()) if len(rows) else None

    def matrix(self) -> np.ndarray:
        """The confusion matrix: counts by true class (rows) and predicted class (columns), int64 (K, K)."""
        counts = np.zeros((len(self.class_names),) * 2, np.int64)
        if self.truth is not None:
            np.add.at(counts, (self.truth[self.evaluated], self.predicted[self.evaluated]), 1)
        return counts

    def mistakes(self) -> np.ndarray:
        """Indices of the misclassified pictures, int64, in descending order of the predicted class's probability."""
        if self.truth is None:
            return np.zeros(0, np.int64)
        wrong = self.evaluated[self.predicted[self.evaluated] != self.truth[self.evaluated]]
        return wrong[np.argsort(-self.probabilities[wrong, self.predicted[wrong]], kind="stable")]

    def to_dict(self) -> dict[str, Any]:
        """A summary, ready for JSON."""
        return {
            "source": self.images.source,
            "count": len(self.images),
            "classes": list(self.class_names),
            "evaluated": len(self.evaluated),
            "unknown_classes": list(self.unknown),
            "accuracy": self.accuracy,
            "mean_class_accuracy": self.mean_class_accuracy,
            "matching": None if self.matching is None else self.matching.labels,
            "trained_on": None if self.trained_on is None else self.trained_on.count,
            "accuracy_on_new": self.accuracy_on_new,
            "confusion": self.matrix().tolist(),
        }

    def lines(self) -> list[str]:
        """A summary in sentences."""
        lines = [] if self.matching is None else [self.matching.line()]
        if self.unknown:
            lines.append(
                f"left out of the accuracy, as the run was not trained on them: {', '.join(self.unknown[:12])}"
            )
        if self.accuracy is None or self.mean_class_accuracy is None:
            return [*lines, f"{len(self.images):,} pictures, without labels to compare with"]
        lines.append(f"{self._accuracy_line()}, by classes {self.mean_class_accuracy:.2%} on average")
        return lines + self._training_lines()

    def _training_lines(self) -> list[str]:
        """How many of the pictures the run was trained on, if it was on any."""
        seen = self.trained_on
        if seen is None or not seen.count:
            return []
        if seen.count == len(self.images):
            return [
                "The run was trained on these pictures: this is its accuracy on what it has learned, and that on new "
                "pictures may be far lower. Name pictures that it was not trained on."
            ]
        on_new = ""
        if self.accuracy_on_new is not None:
            new = int((~seen.seen[self.evaluated]).sum())
            on_new = f" {self.accuracy_on_new:.2%} of the other {new:,} are right."
        return [
            f"The run was trained on {seen.count:,} of these {len(self.images):,} pictures (they are "
            f"{seen.described()} of training pictures).{on_new}"
        ]

    @written_together()
    def write(self, path: str | Path, *, title: str = "", mistakes: int = 32, force: bool = False) -> list[Path]:
        """Write the table of predictions, and with labels the confusion matrix and the most confident mistakes.

        path: of the table, a .csv; figures get its name with `-confusion.png` and `-mistakes.png`.
        title: of the confusion matrix, before the accuracy.
        mistakes: the most pictures on the sheet of mistakes.
        force: whether to replace existing files.

        Returns the paths written. Raises `RunError` if a file exists (without `force`) or cannot be written.
        """
        from imagewright.analysis.classifiers import figures

        table, confusion_path, mistakes_path = output_paths(path)
        refuse_existing([table, confusion_path, mistakes_path], force=force)
        write_table(table, *self._table(), force=force)
        written = [table]
        if self.accuracy is None:
            return written
        heading = f"{title}: {self._accuracy_line()}" if title else self._accuracy_line()
        figures.write_confusion(self, confusion_path, heading, force=force)
        written.append(confusion_path)
        sheet = figures.mistakes_sheet(self, mistakes)
        if sheet is not None:
            written += sheet.write(mistakes_path, force=force)
        return written

    def _accuracy_line(self) -> str:
        matched = " after matching" if self.matching is not None else ""
        all_seen = self.trained_on is not None and self.trained_on.count == len(self.images)
        trained = " (training pictures)" if all_seen else ""
        return f"{self.accuracy:.2%} of {count_text(len(self.evaluated), 'picture')} right{matched}{trained}"

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """Name, predicted class and its probability, the true class if known, and the probability of each class."""
        images, names = self.images, self.class_names
        has_truth = self.truth is not None and images.class_names is not None
        rows = []
        for index, (label, probabilities) in enumerate(zip(self.predicted, self.probabilities, strict=True)):
            row = [images.name(index), names[label], f"{probabilities[label]:.6g}"]
            if has_truth:
                row.append(images.class_name(index) or "")
            rows.append([*row, *(f"{each:.6g}" for each in probabilities)])
        truth = ["truth"] if has_truth else []
        return ["name", "label", "probability", *truth, *(f"probability of {name}" for name in names)], rows


def output_paths(path: str | Path) -> tuple[Path, Path, Path]:
    """The files that `Confusion.write` writes. Raises `UserError` unless `path` ends in .csv."""
    table = Path(path)
    check_suffix(table, [".csv"])
    confusion, mistakes = (table.with_name(f"{table.stem}-{what}.png") for what in ("confusion", "mistakes"))
    return table, confusion, mistakes


def measure_confusion(run: RunLike, images: ImagesLike) -> Confusion:
    """Classify every picture, resized for the run, and compare with the labels if there are any.

    Classes are matched by name; those that the model found without labels are matched with the labels that they agree
    with most. Pictures with labels are compared with the run's training pictures.
    Raises `UserError` for a run that does not classify.
    """
    model = resolve_model(run)
    images = images_for(model, images).prepare()
    log_probabilities = classify(model, images).numpy()
    names = require(model, Classifies).class_names
    notes = tuple(training_notes(model))
    if images.labels is None or images.class_names is None:
        return _confusion(images, names, log_probabilities, notes=notes)
    trained_on = find_trained_on(model, images)
    facts: dict[str, Any] = {"notes": notes, "trained_on": trained_on}
    if isinstance(trained_on, str):
        facts = {"notes": (*notes, trained_on)}
    labels = np.asarray(images.labels)
    known = np.flatnonzero(labels >= 0)  # a picture without a label has the number -1
    if finds_own_classes(model) and len(known):
        matching = match_codes(log_probabilities.argmax(1)[known], labels[known], len(names), images.class_names)
        with np.errstate(divide="ignore"):
            matched = np.log(matching.rearranged(np.exp(log_probabilities)))
        return _confusion(images, matching.class_names, matched, labels, matching=matching, **facts)
    number_of = {name: number for number, name in enumerate(names)}
    numbers = np.array([*(number_of.get(name, -1) for name in images.class_names), -1])  # the last one is of label -1
    present = np.unique(labels[known])
    unknown = tuple(images.class_names[label] for label in present if numbers[label] < 0)
    return _confusion(images, names, log_probabilities, numbers[labels], unknown=unknown, **facts)


def _confusion(
    images: Images, names: tuple[str, ...], log_probabilities: np.ndarray, truth: np.ndarray | None = None, **facts: Any
) -> Confusion:
    return Confusion(
        images=images,
        class_names=names,
        probabilities=np.exp(log_probabilities),
        predicted=log_probabilities.argmax(1),
        truth=truth,
        **facts,
    )
