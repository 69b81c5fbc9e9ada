"""The kernel distance of two sets of features: the squared maximum mean discrepancy, without bias at any count.

Binkowski et al. 2018 (arXiv:1801.01401), section 4: the kernel (x y / F + 1)^3, Gretton et al.'s unbiased estimate
(2012, eq. 3), its mean over 100 subsets of 1,000 pictures of each set, drawn without replacement.

Others compute the same number: torch-fidelity (subsets 100, size 1,000) draws by its own generator and refuses fewer
pictures than a subset has; NVIDIA's kid50k_full takes products in float32 and, as here, smaller subsets where there are
fewer pictures. Both report the deviation between subsets or nothing; the standard error here also counts that another
pool of pictures would have given another number.
Products are in float64: the distance is what remains when nearly equal means of kernels cancel.
Shape letters: N and M pictures of two sets, n of a subset, F features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.seeds import derive_seed

BLOCK = 1024  # rows of a block of a kernel matrix: 8 MiB of it


@dataclass(frozen=True)
class KernelDistance:
    """The distance; its standard error, over other pictures of both sets; and, of the mean over subsets, their
    standard deviation."""

    value: float
    standard_error: float
    deviation: float | None = None


@dataclass(frozen=True)
class _Means:
    """Of a kernel matrix (N, M): its mean, its rows' (N,) and columns' (M,), and the variance left when these are off.

    The diagonal of a matrix of a set with itself is left out of all.
    """

    mean: float
    rows: np.ndarray
    columns: np.ndarray
    residual: float


def kernel_distance(
    one: np.ndarray, other: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = 0
) -> KernelDistance:
    """The mean over `subsets` of `size` rows of features (N, F) and (M, F): as many rows as there are, where fewer.

    Equal seeds draw equal subsets: those of `subset_rows`. May be below 0 where the sets are alike: it has no bias.
    Raises `DataError` for different features and fewer than two pictures, `ConfigError` for no subsets.
    """
    _check(one, other)
    if subsets < 1 or size < 2:
        raise ConfigError(f"subsets={subsets}, size={size}: one subset at least, of 2 pictures or more, was expected.")
    found, variances = [], []
    for index in range(subsets):
        chosen = subset_rows(len(one), len(other), size, seed, index)
        first, second = (_rows(each, rows) for each, rows in zip((one, other), chosen, strict=True))
        ours, theirs = _means(_kernel(first, first), True), _means(_kernel(second, second), True)
        between = _means(_kernel(first, second), False)
        found.append(ours.mean + theirs.mean - 2 * between.mean)
        variances.append(_variance(ours, theirs, between, len(one), len(other)))
    deviation = float(np.std(found))
    error = math.sqrt(max(float(np.mean(variances)), 0.0) + deviation**2 / subsets)
    return KernelDistance(float(np.mean(found)), error, deviation)


def subset_rows(count: int, other_count: int, size: int, seed: int, index: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of both sets, of `count` and `other_count` pictures, that subset number `index` is made of, in order."""
    random = np.random.default_rng(derive_seed(seed, "kernel", index))
    size = min(size, count, other_count)
    first, second = (np.sort(random.choice(each, size, replace=False)) for each in (count, other_count))
    return first, second


def full_kernel_distance(one: np.ndarray, other: np.ndarray, *, block: int = BLOCK) -> KernelDistance:
    """The unbiased estimate from all pairs of rows of features (N, F) and (M, F), block by block.

    The least noise that the pictures allow, in time that grows with the square of their number.
    Raises `DataError` for different features and fewer than two pictures.
    """
    _check(one, other)
    first, second, between = _blockwise(one, one, block), _blockwise(other, other, block), _blockwise(one, other, block)
    value = first.mean + second.mean - 2 * between.mean
    variance = _variance(first, second, between, len(one), len(other))
    return KernelDistance(value, math.sqrt(max(variance, 0.0)))


def _check(one: np.ndarray, other: np.ndarray) -> None:
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1]:
        raise DataError(f"Features of shapes {one.shape} and {other.shape} have no distance: (N, F), (M, F) expected.")
    if min(len(one), len(other)) < 2:
        raise DataError(
            f"{len(one):,} and {len(other):,} pictures: the kernel distance needs two of each set at least."
        )


def _rows(features: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    return np.asarray(features[rows], np.float64)


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(x y / F + 1)^3 of each pair of rows of float64 (N, F) and (M, F): (N, M)."""
    products: np.ndarray = one @ other.T
    products /= one.shape[1]
    products += 1
    return np.multiply(products * products, products, out=products)


def _means(kernel: np.ndarray, itself: bool) -> _Means:
    """Of a whole matrix (n, n), which is overwritten. `itself`: of a set with itself."""
    if itself:
        np.fill_diagonal(kernel, 0)
        rows = kernel.sum(1) / (len(kernel) - 1)
        np.fill_diagonal(kernel, rows)  # so that the diagonal leaves means as they are
        columns = rows
    else:
        rows, columns = kernel.mean(1), kernel.mean(0)
    return _joined(rows, columns, float(np.vdot(kernel, kernel)) / kernel.size)


def _joined(rows: np.ndarray, columns: np.ndarray, square: float) -> _Means:
    mean = float(rows.mean())
    residual = square - float((rows**2).mean()) - float((columns**2).mean()) + mean**2
    return _Means(mean, rows, columns, max(residual, 0.0))


def _blockwise(one: np.ndarray, other: np.ndarray, block: int) -> _Means:
    """As `_means`, of features (N, F) and (M, F), of which a block each is in memory at a time."""
    itself = one is other
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
        return _joined(rows, rows, (square + float((rows**2).sum())) / len(one) ** 2)
    return _joined(rows / len(other), columns / len(one), square / (len(one) * len(other)))


def _variance(first: _Means, second: _Means, between: _Means, count: int, other_count: int) -> float:
    """The variance of the estimate from `count` and `other_count` pictures, by Hoeffding's decomposition.

    First order: each picture's own part, whose spread over rows is less what chance adds to means of so many columns.
    Second order: what remains, which is all there is where the two sets are alike.
    """
    own = first.rows - between.rows
    others = second.rows - between.columns
    own_spread = float(own.var(ddof=1)) - first.residual / len(first.rows) - between.residual / len(between.columns)
    others_spread = (
        float(others.var(ddof=1)) - second.residual / len(second.rows) - between.residual / len(between.rows)
    )
    first_order = 4 * max(own_spread, 0.0) / count + 4 * max(others_spread, 0.0) / other_count
    second_order = first.residual / count**2 + second.residual / other_count**2
    return first_order + 2 * second_order + 4 * between.residual / (count * other_count)


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    assert reference.features is not None
    options = setting.options
    if options["subsets"] == 0:
        found = full_kernel_distance(sample.features, reference.features)
    else:
        found = kernel_distance(
            sample.features,
            reference.features,
            subsets=options["subsets"],
            size=options["size"],
            seed=setting.seed,
        )
    how = f"95 %, over other pictures of both sets; standard error {found.standard_error:.2g}"
    return {"kd": normal_interval(found.value, found.standard_error, how)}


METRIC = Metric(
    name="kd",
    outputs=(Output("kd", "Kernel distance", "lower"),),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Binkowski et al. 2018, arXiv:1801.01401",
    least=2,
    advised=1000,
    why_advised="it has no bias, but its noise falls with their number: see its interval",
    options={"subsets": 100, "size": 1000},
)
