"""Euclidean distances between sets of features, a pair of blocks at a time, and decided as float64 decides them.

Squared distances come from a matrix product of centred features in single precision, or in bfloat16 where the machine
multiplies that faster, with a bound on what rounding can have done to each (Higham 2002, "Accuracy and stability of
numerical algorithms", section 3.1, for sums in any order). What lies within that bound of a decision is measured again
from differences in float64: so the outcome is that of the whole matrix in float64, for half the arithmetic or less and
a bounded share of the memory. (`statistics/nearest_neighbours.py` is for rows that stream by, in single
precision; this is for sets that can be read again.)
Shape letters: N, M rows of two sets, n, m of their blocks, F features, K neighbours, P pairs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor

from imagewright.metrics.features.blocks import Block, Blocks, Frame, Rows

PAIRS = 2**21  # that are looked at one by one at a time
MEASURED = 64  # pairs whose differences fit into a core's cache
CROWDED = 128  # to measure a pair costs as much as the products of about so many
COARSE_ROWS = 512  # of blocks from which on bfloat16 is thought of
ROUNDING = {torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24, torch.float64: 2.0**-53}  # off by at most, of 1


class Ladder:
    """The precisions to try on a pair of blocks, the cheapest first: the next one where too many pairs are undecided.

    One that failed twice is not tried again.
    """

    def __init__(self, one: Blocks, other: Blocks) -> None:
        # A program may have told torch to take float32 for less than it is.
        whole = torch.get_float32_matmul_precision() == "highest"
        self.steps = [torch.float32, torch.float64] if whole else [torch.float64]
        if min(one.rows, other.rows) >= COARSE_ROWS and coarse_pays():
            self.steps.insert(0, torch.bfloat16)
        self._failed: dict[torch.dtype, int] = {}

    def __iter__(self) -> Iterator[torch.dtype]:
        return iter(tuple(self.steps))

    def crowded(self, precision: torch.dtype, undecided: int, estimates: Estimates, neighbours: int) -> bool:
        """Whether better estimates cost less than to measure so many pairs."""
        few = estimates.lower.numel() // CROWDED + 2 * neighbours * sum(estimates.lower.shape)
        if undecided <= few or precision is self.steps[-1]:
            return False
        self._failed[precision] = self._failed.get(precision, 0) + 1
        if self._failed[precision] == 2:
            self.steps.remove(precision)
        return True


@cache
def coarse_pays() -> bool:
    """Whether this machine multiplies bfloat16 much faster than float32. What comes out is the same either way."""
    rows = torch.linspace(-1, 1, 256 * 1024).reshape(256, 1024)

    def seconds(rows: Tensor) -> float:
        found = []
        for _ in range(4):
            started = time.perf_counter()
            rows @ rows.T
            found.append(time.perf_counter() - started)
        return min(found)

    return seconds(rows.bfloat16()) < 0.7 * seconds(rows)


class Estimates:
    """Squared distances of the rows of two blocks in one precision: `lower` (n, m), a bound from below, in the frame.

    From above the bound is that and twice `slack` times the squared lengths of both rows.
    """

    def __init__(self, one: Block, other: Block, precision: torch.dtype) -> None:
        self.one, self.other, self.scale = one, other, one.frame.scale
        # F products and two lengths are summed: at most so many roundings, of terms whose sizes sum to twice the
        # lengths at most. A few more are in the terms themselves.
        exact = torch.float64 if precision is torch.float64 else torch.float32
        self.slack = 2 * (one.features.shape[1] + 16) * ROUNDING[exact]
        if precision is torch.bfloat16:
            # Besides both factors the sum, which is float32 inside, is rounded once: errors are shares of |a| |b|, and
            # 1 % is for their products.
            self.slack += 1.01 * (one.coarse_error + other.coarse_error + ROUNDING[precision])
            lengths = [torch.from_numpy(block.squares * (1 - self.slack)).float() for block in (one, other)]
            products = one.coarse @ other.coarse.T
            self.lower = torch.add(lengths[0][:, None], products, alpha=-2).add_(lengths[1])
        else:
            left, right = one.side(precision, self.slack, left=True), other.side(precision, self.slack, left=False)
            self.lower = left @ right.T

    def in_frame(self, limits: np.ndarray) -> Tensor:
        """Distances as squared limits of `lower`; what single precision makes of them is no smaller."""
        squared = np.square(limits / self.scale) * (1 + 1e-6)
        return torch.from_numpy(squared).to(self.lower.dtype)

    def pairs(self, limits: Tensor) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs whose `lower` is within limits, (n, 1), (1, m) or (n, m): places in the blocks, int64 (P,) each."""
        step = max(1, PAIRS // self.lower.shape[1])
        for start in range(0, len(self.lower), step):
            part = limits if len(limits) == 1 else limits[start : start + step]
            at = (self.lower[start : start + step] <= part).nonzero().numpy()
            if len(at):
                yield at[:, 0] + start, at[:, 1]

    def bounds(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that the distances of pairs (P,) can be, float64 (P,) each."""
        lower = self.lower.numpy()[first, second].astype(np.float64)
        upper = lower + 2 * self.slack * (self.one.squares[first] + self.other.squares[second])
        return np.sqrt(lower.clip(0)) * (self.scale * (1 - 1e-12)), np.sqrt(upper.clip(0)) * (self.scale * (1 + 1e-12))

    def measured(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The distances of pairs (P,)."""
        one, other = self.one, self.other
        return distances_of_pairs(one.features, first + one.start, other.features, second + other.start)


def distances_of_pairs(one: Rows, first: np.ndarray, other: Rows, second: np.ndarray) -> np.ndarray:
    """Of rows `first` (P,) of one set and `second` (P,) of another, float64 (P,), from differences.

    A pair has the same distance, to the last bit, in any company and either way round; equal rows have 0.
    """
    found = np.empty(len(first))
    for start in range(0, len(first), MEASURED):
        part = slice(start, start + MEASURED)
        apart = one[first[part]].astype(np.float64)
        apart -= other[second[part]]
        found[part] = np.einsum("pf,pf->p", apart, apart)
    return np.sqrt(found)


def nearest_distances(queries: Rows, features: Rows, count: int = 1) -> np.ndarray:
    """Distances of queries (N, F) to their `count` nearest rows of features (M, F): float64 (N, K), nearest first.

    Where there are fewer rows than `count` the rest are infinite. Raises `DataError` for values that are not finite.
    """
    frame = Frame.of(features)
    Frame.of(queries)  # says what is not finite
    nearest = np.full((len(queries), count), np.inf)
    rows, asked = Blocks(features, frame), Blocks(queries, frame)
    ladder = Ladder(asked, rows)
    for one in asked:
        for other in rows:
            _look(nearest, one, other, ladder, both_ways=False)
    return nearest


def neighbour_distances(features: Rows, count: int) -> np.ndarray:
    """Distances of each row of features (N, F) to its `count` nearest others: float64 (N, K), nearest first.

    A row is not its own neighbour; an equal one is, at distance 0. Each pair of blocks is multiplied once.
    """
    blocks = Blocks(features, Frame.of(features), count)
    ladder = Ladder(blocks, blocks)
    nearest = np.full((len(features), count), np.inf)
    # Each block with itself first: every row then has near neighbours, and few pairs elsewhere can be nearer.
    for one in blocks:
        _look(nearest, one, one, ladder, both_ways=False)
    for number in range(len(blocks)):
        one = blocks[number]
        for other in blocks.starting(number + 1):
            _look(nearest, one, other, ladder, both_ways=True)
    return nearest


def _look(nearest: np.ndarray, one: Block, other: Block, ladder: Ladder, *, both_ways: bool) -> None:
    """Improve what is `nearest` (N, K) to the rows of `one`, and where `both_ways` to those of `other`."""
    for precision in ladder:
        estimates = Estimates(one, other, precision)
        if one is other:
            estimates.lower.fill_diagonal_(torch.inf)
        row_limits, picks = _row_limits(nearest[one.place], estimates)
        limits = [estimates.in_frame(row_limits)[:, None]]
        if both_ways:
            limits.append(estimates.in_frame(_worth(nearest[other.place, -1]))[None])
        found: list[tuple[int, tuple[np.ndarray, np.ndarray]]] = []
        count = 0
        for way, limit in enumerate(limits):
            for pair in estimates.pairs(limit):
                found.append((way, pair))
                count += len(pair[0])
        if not ladder.crowded(precision, count, estimates, nearest.shape[1]):
            break
    if picks is not None:
        _join(nearest[one.place], *picks)
    for way, pair in found:
        _join(nearest[(one, other)[way].place], pair[way], estimates.measured(*pair))


def _worth(farthest: np.ndarray) -> np.ndarray:
    """Distances (n,) under which a neighbour is worth looking at: nothing is nearer than an equal row."""
    return np.where(farthest > 0, farthest, np.nan)


def _row_limits(nearest: np.ndarray, estimates: Estimates) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """What is worth looking at for each row of `one` (n,); rows without neighbours yet are given the likely ones.

    Those, as places and distances (P,) each, are taken out of the estimates.
    """
    count, lower = nearest.shape[1], estimates.lower
    if not np.isinf(nearest[:, -1]).any() or lower.shape[1] < count:
        return _worth(nearest[:, -1]), None
    values, at = lower.topk(count, largest=False)
    first, second = np.repeat(np.arange(len(at)), count), at.numpy().ravel()
    there = np.isfinite(values.numpy().ravel())  # a row itself is not
    first, second = first[there], second[there]
    picked = estimates.measured(first, second)
    lower[first, second] = torch.inf
    tried = nearest.copy()
    _join(tried, first, picked)
    return _worth(tried[:, -1]), (first, picked)


def _join(nearest: np.ndarray, places: np.ndarray, distances: np.ndarray) -> None:
    """Take distances (P,) of rows `places` (P,) into `nearest` (n, K), which stays sorted."""
    count = nearest.shape[1]
    order = np.lexsort((distances, places))
    places, distances = places[order], distances[order]
    rank = np.arange(len(places)) - np.searchsorted(places, places)
    kept = rank < count
    rows, row = np.unique(places[kept], return_inverse=True)
    new = np.full((len(rows), count), np.inf)
    new[row, rank[kept]] = distances[kept]
    nearest[rows] = np.sort(np.concatenate([nearest[rows], new], 1), 1)[:, :count]
