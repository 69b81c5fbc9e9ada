"""Features split into blocks of normalised rows, for products of matrices. Features are read, never copied whole.

Shape letters: N rows of a set, n of a block, F features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError
from imagewright.metrics.features.mapped_arrays import TOUCHED, release_pages

ROWS = 2048  # of a block at most: a block of distances then takes 16 MiB
FEWEST_ROWS = 64
BLOCK_BYTES = 2**26  # of the features of a block
KEPT_BYTES = 2**25  # of normalised blocks that a set keeps; it normalises the others on each use
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
        for _, rows in RowReader(features).parts(0, len(features)):
            apart = rows - start
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


class RowReader:
    """Features (N, F) that are read in parts; those of a mapped file leave memory again after every 16 MiB."""

    def __init__(self, features: np.ndarray | RowSubset) -> None:
        self.features = features
        self.shape = features.shape
        self._touched = 0

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, places: slice | np.ndarray) -> np.ndarray:
        rows = self.features[places]
        self._touched += rows.nbytes
        if self._touched > TOUCHED:
            self._touched = 0
            release_pages(self.features.features if isinstance(self.features, RowSubset) else self.features)
        return rows

    def parts(self, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        """(first row, rows) from `start` to `stop`, some hundred rows (n, F) at a time."""
        for first in range(start, stop, CONVERTED):
            yield first, self[first : min(first + CONVERTED, stop)]


FeatureRows = np.ndarray | RowSubset


class FeatureBlock:
    """Rows `start` to `stop` of features (N, F), normalised when they are asked for.

    squares: float64 (n,), the squared lengths of the normalised rows. Like `bfloat16_error`, they are there once rows
        were asked for.
    bfloat16_error: the largest relative error of a row in bfloat16: the length of the error over the length of the row.
    """

    def __init__(self, features: RowReader, bounds: tuple[int, int], normalization: Normalization) -> None:
        self.features, self.normalization = features, normalization
        self.start, self.stop = bounds
        self.squares = np.empty(self.stop - self.start)
        self.bfloat16_error = 0.0
        self._held: Tensor | None = None

    @property
    def rows_in_set(self) -> slice:
        """The rows of the set that this block holds."""
        return slice(self.start, self.stop)

    @property
    def held_bytes(self) -> int:
        """The memory of the rows that the block holds."""
        return 0 if self._held is None else self._held.nbytes

    def rows(self, precision: torch.dtype) -> Tensor:
        """The normalised rows, (n, F), in float64, float32 or bfloat16. They are held, unless in float64."""
        if self._held is not None and self._held.dtype is precision:
            return self._held
        rows = self._normalized(precision)
        if precision is not torch.float64:
            self._held = rows
        return rows

    def _normalized(self, precision: torch.dtype) -> Tensor:
        result = torch.empty(self.stop - self.start, self.features.shape[1], dtype=precision)
        for first, read in self.features.parts(self.start, self.stop):
            rows = read - self.normalization.centre
            rows *= 1 / self.normalization.scale  # a power of two: exact
            inside = slice(first - self.start, first - self.start + len(rows))
            self.squares[inside] = np.einsum("nf,nf->n", rows, rows)
            exact = torch.from_numpy(rows) if precision is torch.float64 else torch.from_numpy(rows).float()
            result[inside] = exact
            if precision is torch.bfloat16:
                errors = torch.linalg.vector_norm(exact - result[inside], dim=1).double()
                relative = errors / torch.from_numpy(self.squares[inside]).sqrt().clamp(min=2.0**-1000)
                self.bfloat16_error = max(self.bfloat16_error, float(relative.max()))
        return result


class FeatureBlocks:
    """A set of features (N, F) in blocks of nearly equal size.

    features: the rows.
    normalization: of all blocks.
    neighbours: blocks of up to 2 * neighbours + 2 rows are always allowed, whatever the width of the features.
    """

    def __init__(self, features: FeatureRows, normalization: Normalization, neighbours: int = 0) -> None:
        self.features, self.normalization = RowReader(features), normalization
        count, row_bytes = len(features), 4 * max(1, features.shape[1])
        most = max(FEWEST_ROWS, 2 * neighbours + 2, min(ROWS, BLOCK_BYTES // row_bytes))
        blocks = -(-count // most)
        self.rows = count // blocks
        self._bounds = [(count * k // blocks, count * (k + 1) // blocks) for k in range(blocks)]
        self._kept: dict[int, FeatureBlock] = {}

    def __len__(self) -> int:
        return len(self._bounds)

    def __getitem__(self, number: int) -> FeatureBlock:
        if number in self._kept:
            return self._kept[number]
        block = FeatureBlock(self.features, self._bounds[number], self.normalization)
        # The first blocks, not the latest: each pass over all of them then finds some.
        if (len(self._kept) + 1) * max((kept.held_bytes for kept in self._kept.values()), default=0) <= KEPT_BYTES:
            self._kept[number] = block
        return block

    def __iter__(self) -> Iterator[FeatureBlock]:
        return self.starting(0)

    def starting(self, number: int) -> Iterator[FeatureBlock]:
        """The blocks from `number` on."""
        return (self[place] for place in range(number, len(self)))
