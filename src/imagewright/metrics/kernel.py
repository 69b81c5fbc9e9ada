"""The kernel distance of two sets of features: the squared maximum mean discrepancy, without bias at any count.

Binkowski et al. 2018 (arXiv:1801.01401), section 4: the kernel (x y / F + 1)^3, the unbiased estimate of Gretton et al.
(2012, eq. 3), its mean over 100 subsets of 1,000 pictures of each set, chosen without replacement.

Other programs compute the same estimate: torch-fidelity (100 subsets of 1,000) chooses subsets by its own generator and
refuses fewer pictures than a subset has; NVIDIA's kid50k_full computes products in float32 and, as here, uses smaller
subsets if there are fewer pictures. Both report the standard deviation between subsets or nothing; the standard error
here also includes the variation over other pictures of both sets.
Products are in float64: the distance is a small difference of nearly equal means of kernels.
Shape letters: N and M pictures of two sets, n of a subset, F features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.seeds import derive_seed

BLOCK = 1024  # rows of a block of a kernel matrix: 8 MiB of it

Subset = tuple[np.ndarray, np.ndarray]
"""The rows of a subset of both sets, int64 (n,) each."""


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance.

    value: the distance.
    standard_error: over other pictures of both sets.
    deviation: the standard deviation between subsets, None if all pairs are used.
    """

    value: float
    standard_error: float
    deviation: float | None = None


@dataclass(frozen=True)
class _KernelMeans:
    """Means of a kernel matrix (N, M), without the diagonal if both sets are the same.

    mean: of all entries.
    rows: of each row, (N,).
    columns: of each column, (M,).
    residual: the variance of the entries after row and column means are subtracted.
    """

    mean: float
    rows: np.ndarray
    columns: np.ndarray
    residual: float


@dataclass(frozen=True)
class _SubsetSums:
    """Sums of a kernel matrix (N, M) over each of J subsets of its columns and rows.

    rows: of each row over the columns of each subset, (N, J).
    columns: of each column over the rows of each subset, (M, J).
    squares: of the squared entries of each subset, (J,).
    """

    rows: np.ndarray
    columns: np.ndarray
    squares: np.ndarray


def kernel_distance(
    one: np.ndarray, other: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = 0
) -> KernelDistance:
    """The mean distance over random subsets. Unbiased, so it may be below 0 for similar sets.

    one, other: features (N, F) and (M, F).
    subsets: their number.
    size: pictures of each set in a subset; all of them if there are fewer.
    seed: of the subsets (`subset_rows`).

    Raises `DataError` for different features and fewer than two pictures, `ConfigError` for no subsets.
    """
    _check(one, other)
    if subsets < 1 or size < 2:
        raise ConfigError(f"subsets={subsets}, size={size}: at least one subset of at least 2 pictures was expected.")
    chosen = _distinct([subset_rows(len(one), len(other), size, seed, index) for index in range(subsets)])
    parts = list(_of_subsets(one, other, chosen))
    found = [ours.mean + theirs.mean - 2 * between.mean for ours, theirs, between in parts]
    variances = [_variance(*means, len(one), len(other)) for means in parts]
    deviation = float(np.std(found))
    error = math.sqrt(max(float(np.mean(variances)), 0.0) + deviation**2 / subsets)
    return KernelDistance(float(np.mean(found)), error, deviation)


def subset_rows(count: int, other_count: int, size: int, seed: int, index: int) -> Subset:
    """The rows of subset number `index`: of both sets, with `count` and `other_count` pictures, int64 (n,) each."""
    random = np.random.default_rng(derive_seed(seed, "kernel", index))
    size = min(size, count, other_count)
    first, second = (np.sort(random.choice(each, size, replace=False)) for each in (count, other_count))
    return first, second


def full_kernel_distance(one: np.ndarray, other: np.ndarray, *, block: int = BLOCK) -> KernelDistance:
    """The unbiased estimate from all pairs of pictures, block by block.

    It has the least variance possible for these pictures; the time grows with the square of their number.

    one, other: features (N, F) and (M, F).
    block: rows of a block.

    Raises `DataError` for different features and fewer than two pictures.
    """
    _check(one, other)
    first, second = (_blockwise(each, each, block, itself=True) for each in (one, other))
    between = _blockwise(one, other, block, itself=False)
    value = first.mean + second.mean - 2 * between.mean
    variance = _variance(first, second, between, len(one), len(other))
    return KernelDistance(value, math.sqrt(max(variance, 0.0)))


def _distinct(chosen: list[Subset]) -> list[Subset]:
    """One subset alone if all are equal, as they are if both sets have no more pictures than a subset."""
    first, second = chosen[0]
    same = all(np.array_equal(one, first) and np.array_equal(other, second) for one, other in chosen)
    return chosen[:1] if same else chosen


def _of_subsets(
    one: np.ndarray, other: np.ndarray, chosen: list[Subset]
) -> Iterator[tuple[_KernelMeans, _KernelMeans, _KernelMeans]]:
    """The means of the kernel within the first set, within the second, and between them, for each subset.

    The subsets overlap if they are many and the sets are small: then the kernel of all pairs is computed once.
    """
    first, second = chosen[0]
    pairs_of_subsets = len(chosen) * 2 * len(first) * len(second)
    if len(chosen) > 1 and (len(one) + len(other)) ** 2 / 2 <= pairs_of_subsets:
        masks, other_masks = (np.zeros((len(each), len(chosen))) for each in (one, other))
        for index, (rows, other_rows) in enumerate(chosen):
            masks[rows, index] = other_masks[other_rows, index] = 1
        within, within_other = (
            _subset_sums(one, one, masks, masks, itself=True),
            _subset_sums(other, other, other_masks, other_masks, itself=True),
        )
        across = _subset_sums(one, other, masks, other_masks, itself=False)
        for index, (rows, other_rows) in enumerate(chosen):
            yield (
                _subset_means(within, rows, rows, index, itself=True),
                _subset_means(within_other, other_rows, other_rows, index, itself=True),
                _subset_means(across, rows, other_rows, index, itself=False),
            )
        return
    for rows, other_rows in chosen:
        ours, theirs = _rows(one, rows), _rows(other, other_rows)
        yield (
            _means(_kernel(ours, ours), True),
            _means(_kernel(theirs, theirs), True),
            _means(_kernel(ours, theirs), False),
        )


def _subset_sums(
    one: np.ndarray,
    other: np.ndarray,
    masks: np.ndarray,
    other_masks: np.ndarray,
    block: int = BLOCK,
    *,
    itself: bool,
) -> _SubsetSums:
    """The sums of a kernel matrix over the columns, and over the rows, of each of J subsets, with one block in memory.

    one, other: features (N, F) and (M, F).
    masks, other_masks: (N, J) and (M, J), 1 for the pictures of a subset.
    itself: both are the same set, compared with itself: the diagonal is left out.
    """
    rows, columns = np.zeros(masks.shape), np.zeros(other_masks.shape)
    squares = np.zeros(masks.shape[1])
    for top in range(0, len(one), block):
        upper, mask = _rows(one, slice(top, top + block)), masks[top : top + block]
        for left in range(top if itself else 0, len(other), block):
            right = slice(left, left + block)
            kernel = _kernel(upper, upper if itself and left == top else _rows(other, right))
            mirrored = itself and left > top
            if itself and not mirrored:
                np.fill_diagonal(kernel, 0)
            rows[top : top + block] += kernel @ other_masks[right]
            columns[right] += kernel.T @ mask
            if mirrored:
                rows[right] += kernel.T @ mask
            np.multiply(kernel, kernel, out=kernel)
            squares += (1 + mirrored) * np.einsum("nj,nj->j", mask, kernel @ other_masks[right])
    return _SubsetSums(rows, columns, squares)


def _subset_means(
    sums: _SubsetSums, rows: np.ndarray, columns: np.ndarray, index: int, *, itself: bool
) -> _KernelMeans:
    """The means of one subset's kernel matrix (n, m): its rows and columns, and its number among the subsets."""
    row_sums, square = sums.rows[rows, index], float(sums.squares[index])
    if itself:
        means = row_sums / (len(rows) - 1)
        return _from_sums(means, means, (square + float((means**2).sum())) / len(rows) ** 2)
    count = len(rows) * len(columns)
    return _from_sums(row_sums / len(columns), sums.columns[columns, index] / len(rows), square / count)


def _check(one: np.ndarray, other: np.ndarray) -> None:
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1]:
        raise DataError(
            f"Features of shapes {one.shape} and {other.shape} have no distance: (N, F) and (M, F) were expected."
        )
    if min(len(one), len(other)) < 2:
        raise DataError(
            f"{len(one):,} and {len(other):,} pictures: the kernel distance needs at least two of each set."
        )


def _rows(features: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    return np.asarray(features[rows], np.float64)


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The kernel matrix (N, M): (x y / F + 1)^3 for the rows of float64 (N, F) and (M, F)."""
    products: np.ndarray = one @ other.T
    products /= one.shape[1]
    products += 1
    return np.multiply(products * products, products, out=products)


def _means(kernel: np.ndarray, itself: bool) -> _KernelMeans:
    """The means of a whole matrix (n, n), which is overwritten. `itself`: both sets are the same."""
    if itself:
        np.fill_diagonal(kernel, 0)
        rows = kernel.sum(1) / (len(kernel) - 1)
        np.fill_diagonal(kernel, rows)  # a diagonal of row means does not change the means
        columns = rows
    else:
        rows, columns = kernel.mean(1), kernel.mean(0)
    return _from_sums(rows, columns, float(np.vdot(kernel, kernel)) / kernel.size)


def _from_sums(rows: np.ndarray, columns: np.ndarray, square: float) -> _KernelMeans:
    mean = float(rows.mean())
    residual = square - float((rows**2).mean()) - float((columns**2).mean()) + mean**2
    return _KernelMeans(mean, rows, columns, max(residual, 0.0))


def _blockwise(one: np.ndarray, other: np.ndarray, block: int, *, itself: bool) -> _KernelMeans:
    """As `_means`, from features (N, F) and (M, F) with one block of each in memory."""
    rows, columns, square = np.zeros(len(one)), np.zeros(len(other)), 0.0
    for top in range(0, len(one), block):
        upper = _rows(one, slice(top, top + block))
        for left in range(top if itself else 0, len(other), block):
            kernel = _kernel(upper, upper if itself and left == top else _rows(other, slice(left, left + block)))
            mirrored = itself and left > top
            if itself and not mirrored:
                np.fill_diagonal(kernel, 0)
            rows[top : top + block] += kernel.sum(1)
            columns[left : left + block] += kernel.sum(0)
            if mirrored:
                rows[left : left + block] += kernel.sum(0)
            square += (1 + mirrored) * float(np.vdot(kernel, kernel))
    if itself:
        rows /= len(one) - 1
        return _from_sums(rows, rows, (square + float((rows**2).sum())) / len(one) ** 2)
    return _from_sums(rows / len(other), columns / len(one), square / (len(one) * len(other)))


def _variance(first: _KernelMeans, second: _KernelMeans, between: _KernelMeans, count: int, other_count: int) -> float:
    """The variance of the estimate from `count` and `other_count` pictures, by Hoeffding's decomposition.

    First order: the variance of the row means, minus the part due to the finite number of columns.
    Second order: the residual variance, which alone remains if both sets have the same distribution.
    """
    own = first.rows - between.rows
    others = second.rows - between.columns
    own_variance = float(own.var(ddof=1)) - first.residual / len(first.rows) - between.residual / len(between.columns)
    others_variance = (
        float(others.var(ddof=1)) - second.residual / len(second.rows) - between.residual / len(between.rows)
    )
    first_order = 4 * max(own_variance, 0.0) / count + 4 * max(others_variance, 0.0) / other_count
    second_order = first.residual / count**2 + second.residual / other_count**2
    return first_order + 2 * second_order + 4 * between.residual / (count * other_count)


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    assert reference.features is not None
    options = context.options
    if options["subsets"] == 0:
        found = full_kernel_distance(sample.features, reference.features)
    else:
        found = kernel_distance(
            sample.features,
            reference.features,
            subsets=options["subsets"],
            size=options["size"],
            seed=context.seed,
        )
    how = f"95 %, over other pictures of both sets; standard error {found.standard_error:.2g}"
    return {"kd": normal_interval(found.value, found.standard_error, how)}


METRIC = Metric(
    name="kd",
    outputs=(MetricOutput("kd", "Kernel distance", "lower"),),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Binkowski et al. 2018, arXiv:1801.01401",
    summary="distance of feature distributions by a polynomial kernel, unbiased; KID in Inception features",
    least=2,
    advised=1000,
    why_advised="it has no bias, but its variance falls with their number: see its interval",
    options={"subsets": 100, "size": 1000},
)
