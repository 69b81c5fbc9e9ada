"""A trained classifier on labelled pictures: accuracy, confusion matrix, and its most confident mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.capabilities import Classifies, require
from imagewright.images import Images
from imagewright.output.tables import write_table
from imagewright.output.writing import check_suffix, refuse_existing
from imagewright.verbs.apply import RunLike, classify, images_for, resolve_model


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """The predictions of a classifier of K classes for N pictures."""

    images: Images
    class_names: tuple[str, ...]
    probabilities: np.ndarray  # float32 (N, K)
    predicted: np.ndarray  # class numbers, int64 (N,)
    truth: np.ndarray | None  # int64 (N,), -1 for no class or an unknown one; None without labels
    unknown: tuple[str, ...] = ()  # names of classes that the classifier does not know

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
            "confusion": self.matrix().tolist(),
        }

    def lines(self) -> list[str]:
        """A summary in sentences."""
        lines = []
        if self.unknown:
            lines.append(
                f"left out of the accuracy, as the run was not trained on them: {', '.join(self.unknown[:12])}"
            )
        if self.accuracy is None or self.mean_class_accuracy is None:
            return [*lines, f"{len(self.images):,} pictures, without labels to compare with"]
        return [*lines, f"{self._accuracy_line()}, by classes {self.mean_class_accuracy:.2%} on average"]

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
        return f"{self.accuracy:.2%} of {len(self.evaluated):,} pictures right"

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


def measure_confusion(run: RunLike, images: Images) -> Confusion:
    """Classify every picture, resized for the run, and compare with the labels if there are any.

    Classes are matched by name. Raises `UserError` for a run that does not classify.
    """
    model = resolve_model(run)
    images = images_for(model, images).prepare()
    log_probabilities = classify(model, images).numpy()
    names = require(model, Classifies).class_names
    truth: np.ndarray | None = None
    unknown: tuple[str, ...] = ()
    if images.labels is not None and images.class_names is not None:
        number_of = {name: number for number, name in enumerate(names)}
        numbers = np.array([*(number_of.get(name, -1) for name in images.class_names), -1])  # the last: no class
        truth = numbers[images.labels]
        present = np.unique(images.labels[images.labels >= 0])
        unknown = tuple(images.class_names[label] for label in present if numbers[label] < 0)
    return Confusion(
        images=images,
        class_names=names,
        probabilities=np.exp(log_probabilities),
        predicted=log_probabilities.argmax(1),
        truth=truth,
        unknown=unknown,
    )
