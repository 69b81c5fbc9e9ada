"""The known factors of pictures: their class, and the numbers or the attributes that a set or a table gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from imagewright.metrics.disentanglement.mutual_information import FEW_VALUES

if TYPE_CHECKING:
    from imagewright.images import Images

CLASS = "class"
HOW = (
    "known factors of its pictures, in the built-in set shapes, or in a table (--labels FILE, labels=) with a class, "
    "0/1 attributes or columns of numbers for each picture, were expected"
)


@dataclass(frozen=True)
class KnownFactors:
    """The factors of N pictures.

    values: float64 (N, F), NaN if one is not known.
    names: (F,).
    classes: bool (F,), the factors whose numbers are names: classes, attributes, and columns of few whole numbers.
    """

    values: np.ndarray
    names: tuple[str, ...]
    classes: np.ndarray

    def of_rows(self, rows: np.ndarray) -> KnownFactors:
        """The factors of some pictures, int64 or bool (n,)."""
        return replace(self, values=self.values[rows])

    def complete_rows(self) -> np.ndarray:
        """The pictures of which every factor is known, int64 (n,)."""
        return np.flatnonzero(~np.isnan(self.values).any(1))

    def varying(self) -> tuple[KnownFactors, list[str]]:
        """Those that differ between pictures, and the names of the others."""
        vary = np.array([len(np.unique(column)) > 1 for column in self.values.T], bool)
        names = np.array(self.names)
        return (
            KnownFactors(self.values[:, vary], tuple(names[vary].tolist()), self.classes[vary]),
            names[~vary].tolist(),
        )


def known_factors(images: Images) -> KnownFactors | None:
    """The factors of the pictures of a set: its class, and its factors, or its attributes if it has none; or None."""
    columns: list[np.ndarray] = []
    names: list[str] = []
    classes: list[bool] = []
    if images.labels is not None:
        columns.append(np.where(images.labels < 0, np.nan, images.labels.astype(np.float64)))
        names, classes = [CLASS], [True]
    if images.factors is not None and images.factor_names is not None:
        columns += list(images.factors.T)
        names += images.factor_names
        classes += [_is_class(column) for column in images.factors.T]
    elif images.attributes is not None and images.attribute_names is not None:
        columns += list(images.attributes.T.astype(np.float64))
        names += images.attribute_names
        classes += [True] * len(images.attribute_names)
    if not columns:
        return None
    return KnownFactors(np.stack(columns, 1), tuple(names), np.array(classes, bool))


def _is_class(column: np.ndarray) -> bool:
    """Whether numbers are few whole ones."""
    known = np.unique(column[~np.isnan(column)])
    return len(known) <= FEW_VALUES and bool((known == np.round(known)).all())
