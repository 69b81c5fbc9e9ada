"""Features split into blocks of normalised rows, for products of matrices. Features are read, never copied whole.

Shape letters: N rows of a set, n of a block, F features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError

ROWS = 2048  # of a block at most: a block of distances then takes 16 MiB
FEWEST_ROWS = 64
BLOCK_BYTES = 2**26  # of the features of a block
CACHED_BYTES = 2**28  # a set of at most this size keeps its normalised blocks; a larger set normalises them on each use
CONVERTED = 256  # rows converted to float64 at a time


@dataclass(frozen=True)
class Normalization:
    """(features - centre) / scale. A large common offset would cost digits in products.

    centre: the mean, float64 (F,).
    scale: a power of two, so that the division is exact.
    """

    centre: np.ndarray
    scale: float

    @classmethod
    def fit(cls, features: FeatureRows) -> Normalization:
        """The normalisation after which features (N, F) have squared lengths of about 1.

        Raises `DataError` for values that are not finite.
        """
        start = features[0].astype(np.float64)
        total, squares = np.zeros(len(start)), 0.0
        for first in range(0, len(features), CONVERTED):
            apart = features[first : first + CONVERTED].astype(np.float64)
            apart -= start
            total += apart.sum(0)
            squares += float(np.vdot(apart, apart))
        mean = total / len(features)
        variance = squares / len(features) - float(mean @ mean)
        if not np.isfinite(variance):
            raise DataError("The features contain values that are not finite: distances between them are undefined.")
        return cls(start + mean, 2.0 ** round(0.5 * np.log2(variance)) if variance > 0 else 1.0)


class RowSubset:
    """The rows int64 (n,) of features (N, F), in the order given: indexed on request, never copied whole."""

    def __init__(self, features: np.ndarray, rows: np.ndarray) -> None:
        self.features, self.rows = features, rows
        self.shape = len(rows), features.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: int | slice | np.ndarray) -> np.ndarray:
        chosen: np.ndarray = self.features[self.rows[places]]
        return chosen


FeatureRows = np.ndarray | RowSubset


class FeatureBlock:
    """FeatureRows `start` to `stop` of features (N, F), normalised. `squares` float64 (n,): their squared lengths."""

    def __init__(self, features: FeatureRows, bounds: tuple[int, int], normalization: Normalization) -> None:
        self.features, self.normalization = features, normalization
        self.start, self.stop = bounds
        self.squares = np.empty(self.stop - self.start)
        self._rows = self._normalized(torch.float32, self.squares)
        self._augmented: dict[bool, Tensor] = {}

    @cached_property
    def bfloat16(self) -> Tensor:
        """The normalised rows, bfloat16 (n, F)."""
        return self._rows.bfloat16()

    @cached_property
    def bfloat16_error(self) -> float:
        """The largest relative error of any row of `bfloat16`: the length of the error over the length of the row."""
        errors = torch.linalg.vector_norm(self._rows - self.bfloat16, dim=1).double()
        return float((errors / torch.from_numpy(self.squares).sqrt().clamp(min=2.0**-1000)).max())

    @property
    def rows_in_set(self) -> slice:
        """The rows of the set that this block holds."""
        return slice(self.start, self.stop)

    def augmented(self, precision: torch.dtype, slack: float, *, left: bool) -> Tensor:
        """(n, F + 2): a factor of the product that gives |a|^2 + |b|^2 - 2 a b of all pairs in one multiplication.

        The two columns after the features hold the squared lengths and ones; the left factor has the features times -2.

        precision: of the result.
        slack: the share of the squared lengths that is subtracted, for a lower bound.
        left: whether this is the left factor.
        """
        if precision is torch.float32 and left in self._augmented:
            return self._augmented[left]
        rows = self._rows if precision is torch.float32 else self._normalized(precision)
        factor = torch.ones(len(rows), rows.shape[1] + 2, dtype=precision)
        torch.mul(rows, -2.0 if left else 1.0, out=factor[:, :-2])
        factor[:, -2 if left else -1] = torch.from_numpy(self.squares * (1 - slack))
        if precision is torch.float32:
            self._augmented[left] = factor
        return factor

    def _normalized(self, precision: torch.dtype, squares: np.ndarray | None = None) -> Tensor:
        """The normalised rows, (n, F). `squares` (n,), if given, is filled with their squared lengths."""
        result = torch.empty(self.stop - self.start, self.features.shape[1], dtype=precision)
        for first in range(self.start, self.stop, CONVERTED):
            part = slice(first, min(first + CONVERTED, self.stop))
            rows = self.features[part].astype(np.float64)
            rows -= self.normalization.centre
            rows /= self.normalization.scale
            inside = slice(part.start - self.start, part.stop - self.start)
            result[inside] = torch.from_numpy(rows)
            if squares is not None:
                squares[inside] = np.einsum("nf,nf->n", rows, rows)
        return result


class FeatureBlocks:
    """A set of features (N, F) in blocks of nearly equal size.

    features: the rows.
    normalization: of all blocks.
    neighbours: blocks of up to 2 * neighbours + 2 rows are always allowed, whatever the width of the features.
    """

    def __init__(self, features: FeatureRows, normalization: Normalization, neighbours: int = 0) -> None:
        self.features, self.normalization = features, normalization
        count, row_bytes = len(features), 4 * max(1, features.shape[1])
        most = max(FEWEST_ROWS, 2 * neighbours + 2, min(ROWS, BLOCK_BYTES // row_bytes))
        blocks = -(-count // most)
        self.rows = count // blocks
        self._bounds = [(count * k // blocks, count * (k + 1) // blocks) for k in range(blocks)]
        self._cached: dict[int, FeatureBlock] | None = {} if count * row_bytes <= CACHED_BYTES else None

    def __len__(self) -> int:
        return len(self._bounds)

    def __getitem__(self, number: int) -> FeatureBlock:
        if self._cached is None:
            return FeatureBlock(self.features, self._bounds[number], self.normalization)
        if number not in self._cached:
            self._cached[number] = FeatureBlock(self.features, self._bounds[number], self.normalization)
        return self._cached[number]

    def __iter__(self) -> Iterator[FeatureBlock]:
        return self.starting(0)

    def starting(self, number: int) -> Iterator[FeatureBlock]:
        """The blocks from `number` on."""
        return (self[place] for place in range(number, len(self)))
