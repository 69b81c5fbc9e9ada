"""Sets of features as blocks of rows in one frame, as products want them. Features are read, never copied whole.

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

ROWS = 2048  # of a block at most: a block of distances is 16 MiB
FEWEST_ROWS = 64
BLOCK_BYTES = 2**26  # of a block of features
KEPT_BYTES = 2**28  # of the features of a set that are kept as products want them; more are made ready each time
CONVERTED = 256  # rows made float64 at a time


@dataclass(frozen=True)
class Frame:
    """Features are seen less `centre` (F,), over `scale`, a power of two: what all share would cost digits."""

    centre: np.ndarray
    scale: float

    @classmethod
    def of(cls, features: Rows) -> Frame:
        """That in which features (N, F) have squared lengths of about 1. `DataError` for values that are not finite."""
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
            raise DataError("The features hold values that are no finite numbers: distances of them mean nothing.")
        return cls(start + mean, 2.0 ** round(0.5 * np.log2(variance)) if variance > 0 else 1.0)


class ChosenRows:
    """Some rows int64 (n,) of features (N, F), in the order given: read when they are asked for, never copied whole."""

    def __init__(self, features: np.ndarray, rows: np.ndarray) -> None:
        self.features, self.rows = features, rows
        self.shape = len(rows), features.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: int | slice | np.ndarray) -> np.ndarray:
        chosen: np.ndarray = self.features[self.rows[places]]
        return chosen


Rows = np.ndarray | ChosenRows


class Block:
    """Rows `start` to `stop` of features (N, F), seen in a frame: `squares` float64 (n,) are their squared lengths."""

    def __init__(self, features: Rows, bounds: tuple[int, int], frame: Frame) -> None:
        self.features, self.frame = features, frame
        self.start, self.stop = bounds
        self.squares = np.empty(self.stop - self.start)
        self._rows = self._seen(torch.float32, self.squares)
        self._sides: dict[bool, Tensor] = {}

    @cached_property
    def coarse(self) -> Tensor:
        """The rows in the frame, bfloat16 (n, F)."""
        return self._rows.bfloat16()

    @cached_property
    def coarse_error(self) -> float:
        """The most that `coarse` is off by in any row: the length of its error over that of the row."""
        errors = torch.linalg.vector_norm(self._rows - self.coarse, dim=1).double()
        return float((errors / torch.from_numpy(self.squares).sqrt().clamp(min=2.0**-1000)).max())

    @property
    def place(self) -> slice:
        """Where the rows are in the set."""
        return slice(self.start, self.stop)

    def side(self, precision: torch.dtype, slack: float, *, left: bool) -> Tensor:
        """(n, F + 2): one side of a product that gives |a|^2 + |b|^2 - 2 a b of all pairs, less `slack` of the lengths.

        The columns behind the features hold the lengths and ones; the left side has the features times -2.
        """
        if precision is torch.float32 and left in self._sides:
            return self._sides[left]
        rows = self._rows if precision is torch.float32 else self._seen(precision)
        side = torch.ones(len(rows), rows.shape[1] + 2, dtype=precision)
        torch.mul(rows, -2.0 if left else 1.0, out=side[:, :-2])
        side[:, -2 if left else -1] = torch.from_numpy(self.squares * (1 - slack))
        if precision is torch.float32:
            self._sides[left] = side
        return side

    def _seen(self, precision: torch.dtype, squares: np.ndarray | None = None) -> Tensor:
        """The rows in the frame, (n, F)."""
        seen = torch.empty(self.stop - self.start, self.features.shape[1], dtype=precision)
        for first in range(self.start, self.stop, CONVERTED):
            part = slice(first, min(first + CONVERTED, self.stop))
            rows = self.features[part].astype(np.float64)
            rows -= self.frame.centre
            rows /= self.frame.scale
            inside = slice(part.start - self.start, part.stop - self.start)
            seen[inside] = torch.from_numpy(rows)
            if squares is not None:
                squares[inside] = np.einsum("nf,nf->n", rows, rows)
        return seen


class Blocks:
    """A set of features (N, F) as blocks of equal sizes, with room for so many `neighbours` in each."""

    def __init__(self, features: Rows, frame: Frame, neighbours: int = 0) -> None:
        self.features, self.frame = features, frame
        count, row_bytes = len(features), 4 * max(1, features.shape[1])
        most = max(FEWEST_ROWS, 2 * neighbours + 2, min(ROWS, BLOCK_BYTES // row_bytes))
        blocks = -(-count // most)
        self.rows = count // blocks
        self._bounds = [(count * k // blocks, count * (k + 1) // blocks) for k in range(blocks)]
        self._kept: dict[int, Block] | None = {} if count * row_bytes <= KEPT_BYTES else None

    def __len__(self) -> int:
        return len(self._bounds)

    def __getitem__(self, number: int) -> Block:
        if self._kept is None:
            return Block(self.features, self._bounds[number], self.frame)
        if number not in self._kept:
            self._kept[number] = Block(self.features, self._bounds[number], self.frame)
        return self._kept[number]

    def __iter__(self) -> Iterator[Block]:
        return self.starting(0)

    def starting(self, number: int) -> Iterator[Block]:
        """The blocks from that one on."""
        return (self[place] for place in range(number, len(self)))
