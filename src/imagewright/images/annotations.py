"""Annotations: the label and the 0/1 attributes of each picture of a set. Either may be missing for some pictures."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imagewright.errors import DataError, nearest_name

UNLABELLED = -1
"""The label of a picture without a class."""
MISSING = re.compile(r"|nan|<na>|#?n/a|null|(?-i:NA)", re.IGNORECASE)
"""What tables write for "no value": nothing, NaN, NULL, N/A, or R's NA."""
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
"""A whole number in its usual form: `007` and `1_1` are names, since no other text may become the same class."""

BELOW_ZERO = re.compile(r"-[1-9][0-9]*")
UNSEEN = re.compile("[\u200b\u200e\u200f\u2060\ufeff]")
"""Characters of width zero that mean nothing alone; those that join letters do."""


@dataclass
class Annotations:
    """The labels and attributes of N pictures.

    Attributes:
        labels: int64 (N,) into `class_names`, -1 for a picture without a class; or None.
        class_names: the classes, by number.
        attributes: float32 (N, A) of 0 and 1, NaN if it is not known; or None.
        attribute_names: the attributes, by column.
        factors: float64 (N, F), numbers that say how each picture was made or measured, NaN if one is not known; or
            None. Training does not use them.
        factor_names: the factors, by column.
    """

    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    attributes: np.ndarray | None = None
    attribute_names: tuple[str, ...] | None = None
    factors: np.ndarray | None = None
    factor_names: tuple[str, ...] | None = None

    def select(self, indices: np.ndarray) -> Annotations:
        """The annotations of the pictures `indices` (int64), in that order."""
        return replace(
            self,
            labels=None if self.labels is None else self.labels[indices],
            attributes=None if self.attributes is None else self.attributes[indices],
            factors=None if self.factors is None else self.factors[indices],
        )

    def spread(self, places: np.ndarray, count: int) -> Annotations:
        """Annotations of `count` pictures: these for the pictures at `places` (int64), zero for the others."""

        def spread(values: np.ndarray | None) -> np.ndarray | None:
            if values is None:
                return None
            wide = np.zeros((count, *values.shape[1:]), values.dtype)
            wide[places] = values
            return wide

        return replace(
            self, labels=spread(self.labels), attributes=spread(self.attributes), factors=spread(self.factors)
        )

    def without_empty_classes(self) -> Annotations:
        """The same with the classes that occur only, numbered anew in their order."""
        if self.labels is None or self.class_names is None:
            return self
        present = np.unique(self.labels[self.labels >= 0])
        if len(present) == len(self.class_names):
            return self
        labels = np.where(self.labels < 0, UNLABELLED, np.searchsorted(present, self.labels))
        return replace(self, labels=labels, class_names=tuple(self.class_names[number] for number in present))


def is_missing(value: str) -> bool:
    """Whether a text is an empty cell, or one of the ways to write that there is no value."""
    return MISSING.fullmatch(value) is not None


def sort_classes(names: Iterable[str]) -> list[str]:
    """The names of classes in order: by value if all are whole numbers, else as text."""
    distinct = set(names)
    if all(WHOLE_NUMBER.fullmatch(name) for name in distinct):
        return sorted(distinct, key=int)
    return sorted(distinct)


def clean_class(text: str) -> str:
    """The name of a class without what nobody sees: in Unicode's composed form, without marks of width zero."""
    if text.isascii():
        return text.strip()
    plain = unicodedata.normalize("NFC", UNSEEN.sub("", text)).strip()
    return plain.encode("utf-8", "replace").decode()  # surrogate escapes cannot be printed


def classes_among(texts: Iterable[str]) -> set[str]:
    """Which of distinct texts are classes: those that are no missing value (see `is_missing`), and not -1.

    -1 is a class only if all are -1 and 1, or if there are other numbers below zero.
    """
    distinct = {text for text in texts if not is_missing(text)}
    if distinct == {"-1", "1"} or any(BELOW_ZERO.fullmatch(text) and text != "-1" for text in distinct):
        return distinct
    return distinct - {"-1"}


def labels_from_texts(codes: np.ndarray, texts: Sequence[str]) -> Annotations:
    """Labels from text: the classes are the values that occur (see `classes_among`), as they are written.

    codes: int (N,), the place of each picture's value in `texts`; -1 for none.
    texts: the distinct values. Those that look equal (see `clean_class`) are one class.
    """
    cleaned = {int(code): clean_class(texts[code]) for code in np.unique(codes) if code >= 0}
    names = sort_classes(classes_among(cleaned.values()))
    number_of = {name: number for number, name in enumerate(names)}
    lookup = np.full(len(texts) + 1, UNLABELLED, np.int64)  # the last place is that of code -1
    for code, name in cleaned.items():
        lookup[code] = number_of.get(name, UNLABELLED)
    return Annotations(lookup[np.asarray(codes, np.int64)], tuple(names))


def check_labels(labels: Any, names: Sequence[str], count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels that a caller sets: int64 (N,) into `names`, -1 for a picture without a class.

    Raises `DataError` unless there is one whole number for each of `count` pictures, from -1 to len(names) - 1.
    """
    values, names = np.asarray(labels), tuple(str(name) for name in names)
    if values.shape != (count,) or values.dtype.kind not in "iu":
        raise DataError(
            f"The labels are {values.dtype} of shape {values.shape}: expected whole numbers, one for each of {count:,} "
            "pictures."
        )
    if count and not UNLABELLED <= values.min() <= values.max() < len(names):
        raise DataError(
            f"The labels run from {values.min()} to {values.max()}, but there are {len(names)} names: expected 0 to "
            f"{len(names) - 1}, or -1 for a picture without a class."
        )
    return values.astype(np.int64), names


def choose_attributes(known: Annotations, given: str | Sequence[str], source: str) -> Annotations:
    """The attributes of these names alone, in this order; no labels.

    given: names, or a text of names with commas between them.
    source: as the user named it, for messages.
    Raises `DataError` for names that are unknown, empty or double.
    """
    names = [name.strip() for name in (given.split(",") if isinstance(given, str) else given)]
    present = known.attribute_names or ()
    if known.attributes is None:
        raise DataError(
            f"The pictures of {source} have no attributes to choose from: name a table of 0/1 columns with "
            "--labels FILE (labels=FILE)."
        )
    unknown = [name for name in names if name not in present]
    if unknown or not names:
        name = unknown[0] if unknown else ""
        raise DataError(
            f"The pictures of {source} have no attribute {name!r}.{nearest_name(name, present)} "
            f"Their attributes: {', '.join(present)}."
        )
    if len(set(names)) < len(names):
        raise DataError(f"attributes {', '.join(names)}: one of them is named twice.")
    columns = [present.index(name) for name in names]
    return Annotations(attributes=known.attributes[:, columns], attribute_names=tuple(names))


def check_attributes(values: Any, names: Sequence[str], count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Attributes that a caller sets: float32 (N, A) of 0 and 1 (NaN: not known), one column for each of `names`.

    Raises `DataError` for another shape or other values.
    """
    found, names = np.asarray(values), tuple(str(name) for name in names)
    if found.shape != (count, len(names)) or not names:
        raise DataError(
            f"The attributes have the shape {found.shape}: expected a row for each of {count:,} pictures and a column "
            f"for each of {len(names)} names."
        )
    if found.dtype.kind not in "biuf" or not np.isin(found[~np.isnan(found.astype(np.float64))], (0, 1)).all():
        raise DataError("The attributes hold other values than 0 and 1: 1 says that a picture has the attribute.")
    return found.astype(np.float32), names
