"""Euclidean distances between sets of features, block by block, with the decisions of float64.

Squared distances come from a matrix product of centred features in float32, or in bfloat16 if the machine multiplies
that faster, with a bound on the rounding error of each (Higham 2002, "Accuracy and stability of numerical algorithms",
section 3.1, for sums in any order). A pair that lies within the bound of a decision is measured again, from differences
in float64. The result equals that of the whole matrix in float64, for half the arithmetic or less and in bounded
memory. (`statistics/nearest_neighbours.py` serves rows that are streamed once, in float32; this file serves sets that
can be read repeatedly.)
Shape letters: N, M rows of two sets, n, m of their blocks, F features, K neighbours, P pairs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache, reduce

import numpy as np
import torch
from torch import Tensor

from imagewright.metrics.features.blocks import FeatureBlock, FeatureBlocks, FeatureRows, Normalization, RowReader

PAIRS_AT_ONCE = 2**19  # estimates that are compared with their limits at a time
MEASURED_AT_ONCE = 64  # pairs whose differences fit into a core's cache
MEASURING_COST = 128  # one pair measured in float64 costs about as much as the products of so many
BFLOAT16_ROWS = 512  # smaller blocks never use bfloat16
ROUNDING = {torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24, torch.float64: 2.0**-53}  # largest relative error


class PrecisionSchedule:
    """The precisions to try on a pair of blocks, cheapest first. If too many pairs stay undecided, the next is tried.

    A precision that failed twice is not tried again.
    """

    def __init__(self, one: FeatureBlocks, other: FeatureBlocks) -> None:
        # torch.set_float32_matmul_precision may allow products that are less exact than float32.
        whole = torch.get_float32_matmul_precision() == "highest"
        self.steps = [torch.float32, torch.float64] if whole else [torch.float64]
        if min(one.rows, other.rows) >= BFLOAT16_ROWS and bfloat16_is_faster():
            self.steps.insert(0, torch.bfloat16)
        self._failed: dict[torch.dtype, int] = {}

    def __iter__(self) -> Iterator[torch.dtype]:
        return iter(tuple(self.steps))

    def should_refine(
        self, precision: torch.dtype, undecided: int, estimates: DistanceEstimates, neighbours: int
    ) -> bool:
        """Whether estimates of the next precision cost less than measuring the undecided pairs.

        precision: of the estimates.
        undecided: the number of pairs.
        estimates: of the pair of blocks.
        neighbours: K.
        """
        few = estimates.lower.numel() // MEASURING_COST + 2 * neighbours * sum(estimates.lower.shape)
        if undecided <= few or precision is self.steps[-1]:
            return False
        self._failed[precision] = self._failed.get(precision, 0) + 1
        if self._failed[precision] == 2:
            self.steps.remove(precision)
        return True


@cache
def bfloat16_is_faster() -> bool:
    """Whether this machine multiplies bfloat16 much faster than float32. The results are the same either way."""
    rows = torch.linspace(-1, 1, 256 * 1024).reshape(256, 1024)

    def seconds(rows: Tensor) -> float:
        found = []
        for _ in range(4):
            started = time.perf_counter()
            rows @ rows.T
            found.append(time.perf_counter() - started)
        return min(found)

    return seconds(rows.bfloat16()) < 0.7 * seconds(rows)


class DistanceEstimates:
    """Bounds on the squared distances between the rows of two blocks, after normalisation, from one precision.

    lower: lower bounds, (n, m). The upper bounds are these plus 2 * `slack` times the squared lengths of both rows.
    """

    def __init__(self, one: FeatureBlock, other: FeatureBlock, precision: torch.dtype) -> None:
        self.one, self.other, self.scale = one, other, one.normalization.scale
        # Each estimate is a sum of F products and two squared lengths: at most so many roundings, of terms whose
        # absolute values sum to at most twice the squared lengths, and a few roundings in the terms themselves.
        exact = torch.float64 if precision is torch.float64 else torch.float32
        self.slack = 2 * (one.features.shape[1] + 16) * ROUNDING[exact]
        left, right = one.rows(precision), other.rows(precision)
        if precision is torch.bfloat16:
            # Both factors are rounded, and once the sum, which is accumulated in float32: relative errors of |a| |b|,
            # whose products the factor 1.01 covers.
            self.slack += 1.01 * (one.bfloat16_error + other.bfloat16_error + ROUNDING[precision])
        of_left, of_right = (torch.from_numpy(block.squares * (1 - self.slack)).to(exact) for block in (one, other))
        if precision is torch.bfloat16:
            self.lower = torch.add(of_left[:, None], left @ right.T, alpha=-2).add_(of_right)
        else:
            self.lower = (of_left[:, None] + of_right).addmm_(left, right.T, alpha=-2)

    def normalized_limits(self, limits: np.ndarray) -> Tensor:
        """Distances as squared limits for `lower`, enlarged so that rounding to float32 does not lower them."""
        squared = np.square(limits / self.scale) * (1 + 1e-6)
        return torch.from_numpy(squared).to(self.lower.dtype)

    def pairs(self, *limits: Tensor) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs whose lower bound is within one of the limits, (n, 1) or (1, m) each, as row numbers in both blocks:
        int64 (P,).
        """
        step = max(1, PAIRS_AT_ONCE // self.lower.shape[1])
        for start in range(0, len(self.lower), step):
            parts = [limit if len(limit) == 1 else limit[start : start + step] for limit in limits]
            at = (self.lower[start : start + step] <= reduce(torch.maximum, parts)).nonzero().numpy()
            if len(at):
                yield at[:, 0] + start, at[:, 1]

    def bounds(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds on the distances of pairs (P,), float64 (P,) each."""
        lower = self.lower.numpy()[first, second].astype(np.float64)
        upper = lower + 2 * self.slack * (self.one.squares[first] + self.other.squares[second])
        return np.sqrt(lower.clip(0)) * (self.scale * (1 - 1e-12)), np.sqrt(upper.clip(0)) * (self.scale * (1 + 1e-12))

    def measure(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The distances of pairs (P,), float64 (P,)."""
        one, other = self.one, self.other
        return pair_distances(one.features, first + one.start, other.features, second + other.start)


def pair_distances(one: RowReader, first: np.ndarray, other: RowReader, second: np.ndarray) -> np.ndarray:
    """Distances from differences in float64, (P,). The result for a pair does not depend on the other pairs, nor on
    the order of its two rows, to the last bit; equal rows have distance 0.

    one, other: two sets of features.
    first, second: rows of them, int64 (P,).
    """
    found = np.empty(len(first))
    for start in range(0, len(first), MEASURED_AT_ONCE):
        part = slice(start, start + MEASURED_AT_ONCE)
        apart = one[first[part]].astype(np.float64)
        apart -= other[second[part]]
        found[part] = np.einsum("pf,pf->p", apart, apart)
    return np.sqrt(found)


def nearest_distances(queries: FeatureRows, features: FeatureRows, count: int = 1) -> np.ndarray:
    """Distances of queries (N, F) to their `count` nearest rows of features (M, F): float64 (N, K), nearest first.

    If there are fewer rows than `count`, the remaining distances are infinite.
    Raises `DataError` for values that are not finite.
    """
    normalization = Normalization.fit(features)
    Normalization.fit(queries)  # raises for values that are not finite
    nearest = np.full((len(queries), count), np.inf)
    feature_blocks, query_blocks = FeatureBlocks(features, normalization), FeatureBlocks(queries, normalization)
    schedule = PrecisionSchedule(query_blocks, feature_blocks)
    for one in query_blocks:
        for other in feature_blocks:
            _update_nearest(nearest, one, other, schedule, both_ways=False)
    return nearest


def neighbour_distances(features: FeatureRows, count: int) -> np.ndarray:
    """Distances of each row of features (N, F) to its `count` nearest others: float64 (N, K), nearest first.

    A row is not its own neighbour; a duplicate is, at distance 0. Each pair of blocks is multiplied once.
    """
    blocks = FeatureBlocks(features, Normalization.fit(features), count)
    schedule = PrecisionSchedule(blocks, blocks)
    nearest = np.full((len(features), count), np.inf)
    # Each block with itself first: every row then has candidates, and few pairs of other blocks can be nearer.
    for one in blocks:
        _update_nearest(nearest, one, one, schedule, both_ways=False)
    for number in range(len(blocks)):
        one = blocks[number]
        for other in blocks.starting(number + 1):
            _update_nearest(nearest, one, other, schedule, both_ways=True)
    return nearest


def _update_nearest(
    nearest: np.ndarray, one: FeatureBlock, other: FeatureBlock, schedule: PrecisionSchedule, *, both_ways: bool
) -> None:
    """Update the distances `nearest` (N, K) of the rows of `one`, and of `other` if `both_ways`, by all their pairs."""
    for precision in schedule:
        estimates = DistanceEstimates(one, other, precision)
        if one is other:
            estimates.lower.fill_diagonal_(torch.inf)
        row_limits, picks = _row_limits(nearest[one.rows_in_set], estimates)
        limits = [estimates.normalized_limits(row_limits)[:, None]]
        if both_ways:
            limits.append(estimates.normalized_limits(_search_limits(nearest[other.rows_in_set, -1]))[None])
        found: list[tuple[int, tuple[np.ndarray, np.ndarray]]] = []
        count = 0
        for side, limit in enumerate(limits):
            for pair in estimates.pairs(limit):
                found.append((side, pair))
                count += len(pair[0])
        if not schedule.should_refine(precision, count, estimates, nearest.shape[1]):
            break
    if picks is not None:
        _merge_distances(nearest[one.rows_in_set], *picks)
    for side, pair in found:
        _merge_distances(nearest[(one, other)[side].rows_in_set], pair[side], estimates.measure(*pair))


def _search_limits(farthest: np.ndarray) -> np.ndarray:
    """Distances (n,) beyond which no new neighbour can be nearer; NaN if the farthest neighbour is a duplicate."""
    return np.where(farthest > 0, farthest, np.nan)


def _row_limits(
    nearest: np.ndarray, estimates: DistanceEstimates
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """The search limit of each row of `one`, (n,), and candidates for rows that have too few neighbours yet.

    The candidates are rows and measured distances (P,) of the smallest estimates, which are removed from `estimates`;
    None if all rows have neighbours.
    """
    count, lower = nearest.shape[1], estimates.lower
    if not np.isinf(nearest[:, -1]).any() or lower.shape[1] < count:
        return _search_limits(nearest[:, -1]), None
    values, at = lower.topk(count, largest=False)
    first, second = np.repeat(np.arange(len(at)), count), at.numpy().ravel()
    there = np.isfinite(values.numpy().ravel())  # the estimate of a row with itself is infinite
    first, second = first[there], second[there]
    picked = estimates.measure(first, second)
    lower[first, second] = torch.inf
    updated = nearest.copy()
    _merge_distances(updated, first, picked)
    return _search_limits(updated[:, -1]), (first, picked)


def _merge_distances(nearest: np.ndarray, places: np.ndarray, distances: np.ndarray) -> None:
    """Merge distances (P,) of rows `places` (P,) into `nearest` (n, K), which stays sorted."""
    count = nearest.shape[1]
    order = np.lexsort((distances, places))
    places, distances = places[order], distances[order]
    rank = np.arange(len(places)) - np.searchsorted(places, places)
    among = rank < count
    rows, row = np.unique(places[among], return_inverse=True)
    new = np.full((len(rows), count), np.inf)
    new[row, rank[among]] = distances[among]
    nearest[rows] = np.sort(np.concatenate([nearest[rows], new], 1), 1)[:, :count]
