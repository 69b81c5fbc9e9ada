"""The Frechet distance of two sets of features: between the normal distributions of their means and covariances.

Dowson & Landau 1982, eq. 4; Heusel et al. 2017 (arXiv:1706.08500), eq. 6: |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)).

The trace of the root equals the sum of the singular values of L2^T L1, for any C1 = L1 L1^T and C2 = L2 L2^T. No matrix
root is needed, and the result is real by construction. There are two algorithms for the singular values:

- fast: square roots of the eigenvalues of L1^T C2 L1; squaring loses singular values below 1e-8 of the largest;
- robust, three times slower: a singular value decomposition.

The fast result is used if its error bound, computed from its own eigenvalues, is below 3e-7 of the distance.
Factors have at most N - 1 columns: 1,000 pictures need matrices of 999, whatever the number of features.
Shape letters: N pictures, F features, R rank.
"""

from __future__ import annotations

import math

import numpy as np

from imagewright.errors import DataError
from imagewright.metrics.frechet.factors import EPSILON, single_blas_thread
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value

TOLERANCE = 3e-7  # of the distance: a third of the documented accuracy
INFLUENCES = 4096  # pictures that the interval's width is estimated from, to within 1 to 2 %


def frechet_distance(one: Moments, other: Moments) -> float:
    """The distance, in the squared unit of the features: never negative, and 0 for equal moments.

    Accurate to 1e-6 of itself or to F * 2e-16 of the sum of all variances, whichever is larger; a covariance term below
    the latter is rounding and counts as 0.

    one: moments of F features.
    other: the same of the other set. The factor of its covariance is stored, so pass a reference that is reused here.

    Raises `DataError` for moments of different features, for moments that are not finite, and for fewer than two
    pictures.
    """
    _check(one, other)
    means = float(((one.mean - other.mean) ** 2).sum())
    variances = one.total_variance + other.total_variance
    with single_blas_thread():
        root, error = _fast_trace(one, other)
        if 2 * error > TOLERANCE * max(means + variances - 2 * root, 0.0):
            root = _robust_trace(one, other)
    apart = variances - 2 * root
    return means + (apart if apart > one.dimension * EPSILON * variances else 0.0)


def _check(one: Moments, other: Moments) -> None:
    if one.dimension != other.dimension:
        raise DataError(
            f"Moments of {one.dimension:,} and of {other.dimension:,} features have no distance: both must come from "
            "the same network."
        )
    for each in (one, other):
        if not (np.isfinite(each.mean).all() and np.isfinite(each.scatter).all()):
            raise DataError("The moments of the features are not all finite: the distance is undefined.")


def _fast_trace(one: Moments, other: Moments) -> tuple[float, float]:
    """Tr (C1 C2)^(1/2), and a bound on its error."""
    if one.count - 1 < min(other.count - 1, one.dimension):
        one, other = other, one
    eigenvalues = np.linalg.eigvalsh(_product(other.factor, one.covariance)).clip(0)
    roots = np.sqrt(eigenvalues)
    # LAPACK keeps the digits of small eigenvalues if the matrix is graded, as Cholesky factors make it for most sets;
    # features in another order can lose them. The bound therefore assumes only what holds for any matrix: each
    # eigenvalue has an absolute error of one or two roundings of the largest. The root of a large eigenvalue then has
    # that error over twice the root, of either sign; a small eigenvalue may be rounding alone, which only adds.
    rounding = 2 * EPSILON * float(eigenvalues.max(initial=0.0))
    lost = eigenvalues <= rounding
    errors = rounding / 2 / roots[~lost]
    return float(roots.sum()), math.sqrt(rounding) * int(lost.sum()) + math.sqrt(float((errors**2).sum()))


def _product(factor: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """L^T C L (R, R); only the lower triangle is guaranteed. `covariance` is overwritten."""
    if factor.shape[0] > factor.shape[1] or np.triu(factor, 1).any():
        product: np.ndarray = factor.T @ (covariance @ factor)
        return product
    from scipy.linalg import lapack

    # A quarter of the arithmetic of two products of full matrices. The transposes are in LAPACK's memory order.
    upper, _ = lapack.dsygst(covariance.T, factor.T, itype=2, overwrite_a=1)
    lower: np.ndarray = upper.T
    return lower


def _robust_trace(one: Moments, other: Moments) -> float:
    return float(np.linalg.svd(other.factor.T @ one.factor, compute_uv=False).sum())


def influences(subject: Moments, reference: Moments, features: np.ndarray) -> np.ndarray:
    """The influence of each picture on the distance, (n,): N times the change of the distance per added picture.

    The influence function of the distance at features x:
    2 (x - m) (m - m_ref) + |x - m|^2 - (x - m)^T L K^(-1/2) L^T (x - m) with C_ref = L L^T and K = L^T C L.
    Its standard deviation over the root of N is the standard error of the distance (infinitesimal jackknife: Efron
    1982, ch. 6), for one more decomposition instead of the hundreds of a bootstrap.

    subject: moments of N pictures.
    reference: moments of the real pictures.
    features: (n, F), of some of the N pictures.
    """
    with single_blas_thread():
        factor = reference.factor
        eigenvalues, vectors = np.linalg.eigh(_product(factor, subject.covariance))
    positive = eigenvalues > EPSILON * len(eigenvalues) * eigenvalues.max(initial=0.0)
    transport = (factor @ vectors[:, positive]) * eigenvalues[positive] ** -0.25
    apart = np.asarray(features, np.float64) - subject.mean
    changes: np.ndarray = 2 * apart @ (subject.mean - reference.mean) + (apart**2).sum(1)
    changes -= ((apart @ transport) ** 2).sum(1)
    return changes


def influence_deviation(subject: Moments, reference: Moments, features: np.ndarray, seed: int) -> float:
    """The standard deviation of the influences of the subject's pictures, estimated from at most 4,096 of them."""
    rows = np.arange(len(features))
    if len(rows) > INFLUENCES:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), INFLUENCES, replace=False))
    return float(influences(subject, reference, features[rows]).std(ddof=1))


def sample_moments(sample: Sample) -> Moments:
    """The moments of a sample, which keeps them: stored ones if there are, else computed from its features."""
    if sample.moments is None:
        assert sample.features is not None
        load = sample.load_moments
        sample.moments = Moments.from_features(sample.features) if load is None else load()
    return sample.moments


def advised_for(dimension: int) -> int:
    """Pictures below which the bias of the distance may exceed 1 % of the features' variance; at most 50,000.

    For normal features with equal variances, N pictures of the reference's own distribution have the expected distance
    (1 + (F + 1) / 4) / N of their variance (second order of the trace in C1 - C2). Unequal variances give less.
    Published scores use 50,000.
    """
    return min(25 * (dimension + 5), 50_000)


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    subject, real = sample_moments(sample), sample_moments(reference)
    distance = frechet_distance(subject, real)
    if not context.options["interval"]:
        return {"fd": Value(distance)}
    error = influence_deviation(subject, real, sample.features, context.seed) / math.sqrt(len(sample.features))
    how = f"95 %, of the expected distance of {subject.count:,} such pictures, the reference fixed"
    return {"fd": normal_interval(distance, error, how, least=0.0)}


METRIC = Metric(
    name="fd",
    outputs=(MetricOutput("fd", "Frechet distance", "lower"),),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Heusel et al. 2017, arXiv:1706.08500; Dowson & Landau 1982",
    summary="distance of feature distributions, as normal distributions; FID in Inception features",
    least=2,
    advised=50_000,
    advised_for=advised_for,
    why_advised="its bias grows with features over pictures, and differs from model to model "
    "(Chong & Forsyth 2020, arXiv:1911.07023)",
    options={"interval": True},
)
