"""Classes of scored pictures matched with those of real ones: by name, since their numbers differ from set to set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imagewright.errors import DataError, nearest_name
from imagewright.images.sources.base import digest
from imagewright.metrics.metric import Sample
from imagewright.metrics.subjects import OpenedPictures
from imagewright.model import Model
from imagewright.verbs.found_classes import with_found_classes

NAMED_AT_MOST = 5


@dataclass(frozen=True)
class MatchedClasses:
    """The classes of two sets of pictures.

    names: (K,), the classes of the real pictures.
    generated: int64 (N,), the class of each generated picture, as an index into names.
    real: the same of the real pictures.
    """

    names: tuple[str, ...]
    generated: np.ndarray
    real: np.ndarray

    def missing(self) -> list[str]:
        """The classes of which no picture was generated."""
        counts = np.bincount(self.generated, minlength=len(self.names))
        return [name for name, count in zip(self.names, counts, strict=True) if not count]


def match_classes(sample: Sample, reference: Sample) -> MatchedClasses:
    """Match the classes of a sample with those of a reference by name.

    Raises `DataError` if either has no labels, if the real pictures are of one class, and for generated pictures of a
    class that no real picture has.
    """
    names, real = _present(reference)
    if len(names) < 2:
        raise DataError(
            f"All {len(reference):,} real pictures of {reference.source} are of one class, {names[0]!r}: at "
            "least two classes are needed to score class by class. For one class, use fd."
        )
    own, labels = _present(sample)
    places = {name: place for place, name in enumerate(names)}
    for number, name in enumerate(own):
        if name not in places:
            count = int((labels == number).sum())
            raise DataError(
                f"{count:,} scored pictures of {sample.source} are of the class {name!r}, which no real picture of "
                f"{reference.source} has.{nearest_name(name, names)} Its classes: {join_names(names)}."
            )
    return MatchedClasses(names, np.array([places[name] for name in own], np.int64)[labels], real)


def find_classes(reference: Sample, model: Model) -> Sample:
    """The real pictures with the classes that the scored model found in its own, such as clusters.

    reference: opened pictures of the model's size.
    """
    assert isinstance(reference.pictures, OpenedPictures)
    images = with_found_classes(model, reference.pictures.images)
    assert images.labels is not None
    of_classes: dict[str, Any] = {"labels": images.labels, "class_names": images.class_names, "cache": {}}
    return replace(reference, **of_classes, found_classes=f"clusters {digest(images.labels)[:8]}")


def _present(sample: Sample) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the classes that occur in a sample, in order, and its labels (N,) as indices into them."""
    if sample.labels is None or not len(sample.labels):
        raise DataError(
            f"The pictures of {sample.source} have no classes, which scores by class need: a model conditioned on "
            "classes, a folder with a sub-folder for each class, or a table of labels was expected."
        )
    there, labels = np.unique(sample.labels, return_inverse=True)
    names = tuple(str(number) if sample.class_names is None else sample.class_names[number] for number in there)
    return names, labels.astype(np.int64)


def join_names(names: tuple[str, ...] | list[str]) -> str:
    """A few names separated by commas, and how many more there are."""
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more:,} more" if more > 0 else "")
