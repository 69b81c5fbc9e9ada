"""The Frechet distance at infinity: the distance has a bias in proportion to 1/N, and is extrapolated to 1/N = 0.

Chong & Forsyth 2020 (arXiv:1911.07023), section 3: distances of 15 random subsets, with sizes evenly spaced from 5,000
to all N pictures, and the intercept of a least-squares line over 1/size. Two differences do not change the quantity
estimated:

- The subsets are nested. All moments then come from one pass over the features, and the intercept's standard error is
  5 % larger than with independent subsets (for N = 50,000).
- With fewer than 10,000 pictures the smallest subset has N / 2 pictures.

Shape letters: N pictures, F features, S subsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError
from imagewright.metrics.frechet.distance import frechet_distance, influence_deviation, sample_moments
from imagewright.metrics.frechet.moments import BLOCK, Moments
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.seeds import derive_seed


@dataclass(frozen=True)
class Extrapolation:
    """The least-squares line of distances over 1 / size.

    sizes: the subsets' sizes, int64 (S,).
    distances: the subsets' distances, (S,).
    intercept: the distance at infinity.
    slope: the bias times the number of pictures.
    inflation: the intercept's standard error divided by the standard error of the distance of all N pictures, to first
        order.
    """

    sizes: np.ndarray
    distances: np.ndarray
    intercept: float
    slope: float
    inflation: float


def subset_sizes(count: int, subsets: int = 15, smallest: int = 5000) -> np.ndarray:
    """Subset sizes int64 (S,), evenly spaced from the smallest to `count`.

    count: N.
    subsets: S.
    smallest: the smallest size; N / 2 if that is smaller.

    Raises `ConfigError` if `subsets` is below 2, or `count` is too small for S different sizes.
    """
    first = min(smallest, count // 2)
    if subsets < 2 or first < 2 or count - first < subsets - 1:
        raise ConfigError(
            f"{count:,} pictures cannot be extrapolated with subsets={subsets}, smallest={smallest}: at least 2 "
            f"subsets were expected, each larger than the one before, from {max(first, 2):,} pictures to all."
        )
    return np.linspace(first, count, subsets).round().astype(np.int64)


def extrapolate(sizes: np.ndarray, distances: np.ndarray) -> Extrapolation:
    """The least-squares line through distances (S,) over 1 / sizes (S,) of nested subsets."""
    design = np.stack([np.ones(len(sizes)), 1 / sizes], axis=1)
    weights = np.linalg.pinv(design)
    intercept, slope = weights @ distances
    # To first order a distance is the mean of one number per picture. Subset s has the size n_s and the weight w_s in
    # the intercept, so a picture in the subsets k..S enters the intercept with the weight sum_{s >= k} w_s / n_s. The
    # variances of independent pictures add.
    added_pictures = np.diff(sizes, prepend=0)
    picture_weights = np.cumsum((weights[0] / sizes)[::-1])[::-1]
    inflation = float(np.sqrt(sizes[-1] * (added_pictures * picture_weights**2).sum()))
    return Extrapolation(sizes, distances, float(intercept), float(slope), inflation)


def frechet_infinity(
    features: np.ndarray, reference: Moments, *, subsets: int = 15, smallest: int = 5000, seed: int = 0
) -> Extrapolation:
    """The extrapolated distance of features from a fixed reference.

    The estimate has no bias to first order, so it may be below 0 if the distance is near 0.

    features: (N, F), read in blocks.
    reference: moments of the real pictures.
    subsets: S.
    smallest: the size of the smallest subset; N / 2 if that is smaller.
    seed: equal seeds choose equal subsets.

    Raises `ConfigError` as `subset_sizes` does, and `DataError` as `frechet_distance` does.
    """
    sizes = subset_sizes(len(features), subsets, smallest)
    order = np.random.default_rng(derive_seed(seed, "subsets")).permutation(len(features))
    distances = [frechet_distance(moments, reference) for moments in _growing_moments(features, order, sizes)]
    return extrapolate(sizes, np.array(distances))


def _growing_moments(features: np.ndarray, order: np.ndarray, sizes: np.ndarray) -> Iterator[Moments]:
    """Yield, for each size, the moments of that many first rows of `order`."""
    moments = Moments.empty(features.shape[1])
    for start, end in zip([0, *sizes[:-1]], sizes, strict=True):
        for first in range(start, end, BLOCK):
            rows = np.sort(
                order[first : min(first + BLOCK, end)]
            )  # ascending order, which reads a memory-mapped file faster
            moments = moments.merge(Moments.from_features(features[rows]))
        yield moments


def advised_for(dimension: int) -> int:
    """Pictures from which the bias is linear in 1/N: the smallest subset has 5,000 pictures, or 2 for each feature."""
    return min(4 * dimension, 10_000)


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    real, options = sample_moments(reference), context.options
    found = frechet_infinity(
        sample.features, real, subsets=options["subsets"], smallest=options["smallest"], seed=context.seed
    )
    if not options["interval"]:
        return {"fd_infinity": Value(found.intercept)}
    error = (
        found.inflation
        * influence_deviation(sample_moments(sample), real, sample.features, context.seed)
        / len(sample) ** 0.5
    )
    how = f"95 %, over other {len(sample):,} pictures and subsets, the reference fixed"
    return {"fd_infinity": normal_interval(found.intercept, error, how)}


METRIC = Metric(
    name="fd_infinity",
    outputs=(MetricOutput("fd_infinity", "Frechet distance at infinity", "lower"),),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Chong & Forsyth 2020, arXiv:1911.07023",
    summary="fd extrapolated to infinitely many pictures",
    least=32,
    advised=10_000,
    advised_for=advised_for,
    why_advised="the bias of small subsets is not linear in 1/N, and a line over few sizes is uncertain",
    options={"subsets": 15, "smallest": 5000, "interval": True},
)
