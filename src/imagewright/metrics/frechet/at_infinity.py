"""The Frechet distance of endless pictures: its bias is in proportion to 1/N, so a line is drawn to 1/N = 0.

Chong & Forsyth 2020 (arXiv:1911.07023), section 3: distances of 15 random subsets, of sizes evenly spread from 5,000 to
all N pictures, and the intercept of a least-squares line over 1/N. Ours differs in two points, neither of which moves
what it estimates:

- Each subset holds the one before it. All moments then come from one pass over the features, instead of one each, and
  the intercept's standard error is 5 % more than that of subsets drawn apart (for N = 50,000).
- With fewer than 10,000 pictures the smallest subset is a half of them.

Shape letters: N pictures, F features, S subsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError
from imagewright.metrics.frechet.distance import frechet_distance, moments_of, spread
from imagewright.metrics.frechet.moments import BLOCK, Moments
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.seeds import derive_seed


@dataclass(frozen=True)
class Extrapolation:
    """A line through distances (S,) of subsets of `sizes` (S,), over 1/size: `intercept` is the distance at infinity.

    slope: how fast the bias falls, in distance times pictures. inflation: the intercept's standard error is this times
    that of the distance of all N pictures, to first order.
    """

    sizes: np.ndarray
    distances: np.ndarray
    intercept: float
    slope: float
    inflation: float


def subset_sizes(count: int, subsets: int = 15, smallest: int = 5000) -> np.ndarray:
    """Sizes int64 (S,), evenly spread from `smallest`, or a half of `count` where that is less, to `count`.

    Raises `ConfigError` where so many different sizes do not fit.
    """
    first = min(smallest, count // 2)
    if subsets < 2 or first < 2 or count - first < subsets - 1:
        raise ConfigError(
            f"{count:,} pictures cannot be extrapolated with subsets={subsets}, smallest={smallest}: 2 subsets or "
            f"more, each larger than the one before, were expected, from {max(first, 2):,} pictures to all."
        )
    return np.linspace(first, count, subsets).round().astype(np.int64)


def extrapolate(sizes: np.ndarray, distances: np.ndarray) -> Extrapolation:
    """The least-squares line through distances (S,) over 1 / sizes (S,), of subsets that each hold the one before."""
    design = np.stack([np.ones(len(sizes)), 1 / sizes], axis=1)
    weights = np.linalg.pinv(design)
    intercept, slope = weights @ distances
    # To first order a distance is a mean of one number a picture. A picture that is in subsets k, k + 1, ... weighs
    # sum w_s / n_s over them in the intercept, and independent pictures' variances add.
    pictures = np.diff(sizes, prepend=0)
    each = np.cumsum((weights[0] / sizes)[::-1])[::-1]
    inflation = float(np.sqrt(sizes[-1] * (pictures * each**2).sum()))
    return Extrapolation(sizes, distances, float(intercept), float(slope), inflation)


def frechet_infinity(
    features: np.ndarray, reference: Moments, *, subsets: int = 15, smallest: int = 5000, seed: int = 0
) -> Extrapolation:
    """The extrapolated distance of features (N, F), read in blocks, from a reference, which is held fixed.

    Equal seeds draw equal subsets. The intercept may fall below 0 where the distance is near 0: it is an estimate
    without bias. Raises `ConfigError` for sizes that do not fit N, `DataError` for features that have no distance.
    """
    sizes = subset_sizes(len(features), subsets, smallest)
    order = np.random.default_rng(derive_seed(seed, "subsets")).permutation(len(features))
    distances = [frechet_distance(moments, reference) for moments in _growing(features, order, sizes)]
    return extrapolate(sizes, np.array(distances))


def _growing(features: np.ndarray, order: np.ndarray, sizes: np.ndarray) -> Iterator[Moments]:
    """The moments of the first of `order`, at each of the sizes."""
    moments = Moments.none(features.shape[1])
    for start, end in zip([0, *sizes[:-1]], sizes, strict=True):
        for first in range(start, end, BLOCK):
            rows = np.sort(order[first : min(first + BLOCK, end)])  # in the file's order, which is read faster
            moments = moments.merged(Moments.of(features[rows]))
        yield moments


def advised_for(dimension: int) -> int:
    """Pictures from which on a line fits: the smallest subset, a half of them, then has 2 for each feature or 5,000."""
    return min(4 * dimension, 10_000)


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    real, options = moments_of(reference), setting.options
    found = frechet_infinity(
        sample.features, real, subsets=options["subsets"], smallest=options["smallest"], seed=setting.seed
    )
    if not options["interval"]:
        return {"fd_infinity": Value(found.intercept)}
    error = found.inflation * spread(moments_of(sample), real, sample.features, setting.seed) / len(sample) ** 0.5
    how = f"95 %, over other {len(sample):,} pictures and subsets, this reference given"
    return {"fd_infinity": normal_interval(found.intercept, error, how)}


METRIC = Metric(
    name="fd_infinity",
    outputs=(Output("fd_infinity", "Frechet distance at infinity", "lower"),),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Chong & Forsyth 2020, arXiv:1911.07023",
    least=32,
    advised=10_000,
    advised_for=advised_for,
    why_advised="the bias of small subsets is no line in 1/N, and a line over few sizes is unsure",
    options={"subsets": 15, "smallest": 5000, "interval": True},
)
