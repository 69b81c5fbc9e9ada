"""Ranges of a measure as classes: `age:18,65` are the classes "below 18", "18 to below 65" and "65 and above"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from imagewright.errors import DataError, number_text
from imagewright.images.annotations import Annotations, is_missing


@dataclass(frozen=True)
class Ranges:
    """The numbers at which one range ends and the next begins, rising."""

    edges: tuple[float, ...]

    def names(self) -> list[str]:
        """The name of each range."""
        written = [number_text(edge) for edge in self.edges]
        between = [f"{low} to below {high}" for low, high in pairwise(written)]
        return [f"below {written[0]}", *between, f"{written[-1]} and above"]

    def labels(self, codes: np.ndarray, texts: Sequence[str], where: str) -> Annotations:
        """The range of each picture as its label; missing values have none.

        codes: int (N,), the place of each picture's value in `texts`; -1 for none.
        texts: the distinct values.
        Raises `DataError` for a value that is no number.
        """
        numbers = np.full(len(texts) + 1, -1, np.int64)
        for code in {int(code) for code in np.unique(codes) if code >= 0 and not is_missing(texts[code])}:
            try:
                value = _number(texts[code])
            except ValueError:
                value = math.nan
            if math.isnan(value):
                raise DataError(
                    f"{where} holds {texts[code]!r}, and ranges of numbers were asked for: give its name alone."
                )
            numbers[code] = int(np.searchsorted(self.edges, value, side="right"))
        return Annotations(numbers[np.asarray(codes, np.int64)], tuple(self.names())).without_empty_classes()


def _number(text: str) -> float:
    """A number as tables write it. Raises `ValueError`, also for Python's `1_0`."""
    if "_" in text:
        raise ValueError
    return float(text)


def parse_ranges(text: str) -> tuple[str, Ranges] | None:
    """The column and the ranges of text such as `age:18,65`; None if it is not of that form."""
    column, colon, edges = text.rpartition(":")
    try:
        numbers = tuple(_number(edge) for edge in edges.split(","))
    except ValueError:
        return None
    if not colon or not column or not all(map(math.isfinite, numbers)) or list(numbers) != sorted(set(numbers)):
        return None
    return column, Ranges(numbers)
