"""The classes of judged pictures matched with those of real ones: by name, since numbers differ from set to set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.errors import DataError, nearest_name
from imagewright.metrics.metric import Sample

NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Classes:
    """`names` (K,): the classes that real pictures have. Labels `generated` and `real`, int64, are places in them."""

    names: tuple[str, ...]
    generated: np.ndarray
    real: np.ndarray

    def missing(self) -> list[str]:
        """Classes of which no picture was generated."""
        counts = np.bincount(self.generated, minlength=len(self.names))
        return [name for name, count in zip(self.names, counts, strict=True) if not count]


def matched_classes(sample: Sample, reference: Sample) -> Classes:
    """The classes of both sets.

    Raises `DataError` where there are no labels, where real pictures are of one class, and for generated pictures of a
    class that no real one has.
    """
    names, real = _present(reference)
    if len(names) < 2:
        raise DataError(
            f"All {len(reference):,} real pictures of {reference.source} are of one class, {names[0]!r}: two or more "
            "are needed to judge class by class. Without classes, fd says the same."
        )
    own, labels = _present(sample)
    places = {name: place for place, name in enumerate(names)}
    for number, name in enumerate(own):
        if name not in places:
            count = int((labels == number).sum())
            raise DataError(
                f"{count:,} judged pictures of {sample.source} are of the class {name!r}, which no real picture of "
                f"{reference.source} has.{nearest_name(name, names)} Its classes: {listed(names)}."
            )
    return Classes(names, np.array([places[name] for name in own], np.int64)[labels], real)


def _present(sample: Sample) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the classes that pictures have, in order, and labels (N,) as places in them."""
    if sample.labels is None or not len(sample.labels):
        raise DataError(
            f"The pictures of {sample.source} have no classes, and they are to be judged class by class: a model that "
            "is told of classes, a folder with a sub-folder for each class, or a table of labels was expected."
        )
    there, labels = np.unique(sample.labels, return_inverse=True)
    names = tuple(str(number) if sample.class_names is None else sample.class_names[number] for number in there)
    return names, labels.astype(np.int64)


def listed(names: tuple[str, ...] | list[str]) -> str:
    """A few names, and how many more there are."""
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more:,} more" if more > 0 else "")
