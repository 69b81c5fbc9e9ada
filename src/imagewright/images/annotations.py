"""Annotations: the label and the 0/1 attributes of each picture of a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imagewright.errors import DataError


@dataclass
class Annotations:
    """`labels` int64 (N,) into `class_names`; `attributes` float32 (N, A) of 0 and 1, named by `attribute_names`."""

    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    attributes: np.ndarray | None = None
    attribute_names: tuple[str, ...] | None = None

    def select(self, indices: np.ndarray) -> Annotations:
        """The annotations of the pictures `indices` (int64), in that order."""
        return replace(
            self,
            labels=None if self.labels is None else self.labels[indices],
            attributes=None if self.attributes is None else self.attributes[indices],
        )

    def spread(self, places: np.ndarray, count: int) -> Annotations:
        """Annotations of `count` pictures: these for the pictures at `places` (int64), zero for the others."""

        def spread(values: np.ndarray | None) -> np.ndarray | None:
            if values is None:
                return None
            wide = np.zeros((count, *values.shape[1:]), values.dtype)
            wide[places] = values
            return wide

        return replace(self, labels=spread(self.labels), attributes=spread(self.attributes))


def labels_from_values(values: np.ndarray, count: int, where: str) -> Annotations:
    """Labels from one value for each picture: integers 0 to K-1 stay, other values are numbered in sorted order.

    where: the file and column that the values come from, for messages.
    Raises `DataError` for another number of values than `count`, and for fractions.
    """
    if len(values) != count:
        raise DataError(f"{where} holds {len(values):,} labels for {count:,} pictures: one for each was expected.")
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() < max(1000, 2 * len(np.unique(values))):
        return Annotations(values.astype(np.int64), tuple(str(number) for number in range(int(values.max()) + 1)))
    if values.dtype.kind == "f":
        raise DataError(f"{where}: the labels are {values.dtype}; whole numbers or names were expected.")
    names, numbers = np.unique(values, return_inverse=True)
    return Annotations(numbers.astype(np.int64).reshape(-1), tuple(str(name) for name in names))


def check_labels(labels: Any, names: Sequence[str], count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels that a caller sets: int64 (N,) into `names`.

    Raises `DataError` unless there is one whole number for each of `count` pictures, from 0 to len(names) - 1.
    """
    values, names = np.asarray(labels), tuple(str(name) for name in names)
    if values.shape != (count,) or values.dtype.kind not in "iu":
        raise DataError(
            f"The labels are {values.dtype} of shape {values.shape}: expected whole numbers, one for each of {count:,} "
            "pictures."
        )
    if count and not 0 <= values.min() <= values.max() < len(names):
        raise DataError(
            f"The labels run from {values.min()} to {values.max()}, but there are {len(names)} names: expected 0 to "
            f"{len(names) - 1}."
        )
    return values.astype(np.int64), names


def check_attributes(values: Any, names: Sequence[str], count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Attributes that a caller sets: float32 (N, A) of 0 and 1, one column for each of `names`.

    Raises `DataError` for another shape or other values.
    """
    found, names = np.asarray(values), tuple(str(name) for name in names)
    if found.shape != (count, len(names)) or not names:
        raise DataError(
            f"The attributes have the shape {found.shape}: expected a row for each of {count:,} pictures and a column "
            f"for each of {len(names)} names."
        )
    if not np.isin(found, (0, 1)).all():
        raise DataError("The attributes hold other values than 0 and 1: 1 says that a picture has the attribute.")
    return found.astype(np.float32), names
