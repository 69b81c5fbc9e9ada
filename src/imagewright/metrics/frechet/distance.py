"""The Frechet distance of two sets of features: how far apart the normal distributions of their moments are.

Dowson & Landau 1982, eq. 4; Heusel et al. 2017 (arXiv:1706.08500), eq. 6: |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)).

The last trace is the sum of the singular values of L2^T L1, for any C1 = L1 L1^T and C2 = L2 L2^T. So no matrix root
is taken, and what comes out is real by construction. There are two ways to those singular values:

- the fast way: roots of the eigenvalues of L1^T C2 L1, where squaring blurs those below 1e-8 of the largest;
- the robust way, three times slower: the singular values themselves.

The fast one counts where the error that it can have made, by its own eigenvalues, is under 3e-7 of the distance.
Factors have no more columns than pictures less one: 1,000 pictures cost matrices of 999, whatever the features.
Shape letters: N pictures, F features, R rank.
"""

from __future__ import annotations

import math

import numpy as np

from imagewright.errors import DataError
from imagewright.metrics.frechet.factors import EPSILON, on_one_thread
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value

TOLERANCE = 3e-7  # of the distance: a third of what is promised
SPREAD_OF = 4096  # pictures that the interval's width is estimated from: 1 to 2 % of the width


def frechet_distance(one: Moments, other: Moments) -> float:
    """The distance of two moments of F features: never negative, 0 for equal ones; in the features' unit, squared.

    Right to 1e-6 of itself or to F * 2e-16 of all variances' sum, whichever is more: what lies below the latter is
    rounding and counts as 0. A set that many are held against goes second: its factor is made once.
    Raises `DataError` for moments of different features, for non-finite ones, and for fewer than two pictures.
    """
    _check(one, other)
    means = float(((one.mean - other.mean) ** 2).sum())
    variances = one.total_variance + other.total_variance
    with on_one_thread():
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
            raise DataError("The moments of the features are not all finite: there is no distance to tell.")


def _fast_trace(one: Moments, other: Moments) -> tuple[float, float]:
    """Tr (C1 C2)^(1/2), and how far it may be off."""
    if one.count - 1 < min(other.count - 1, one.dimension):
        one, other = other, one
    eigenvalues = np.linalg.eigvalsh(_product(other.factor, one.covariance)).clip(0)
    roots = np.sqrt(eigenvalues)
    # LAPACK keeps the digits of small eigenvalues where the matrix falls off towards its end, as Cholesky's factors
    # make it for most sets; features in another order can cost them. So no more is taken for granted than holds of any
    # matrix: each eigenvalue is off by a rounding error or two of the largest. Of a large one the root is off by that
    # over twice the root, either way; a small one may be nothing but rounding, and that only adds.
    blur = 2 * EPSILON * float(eigenvalues.max(initial=0.0))
    lost = eigenvalues <= blur
    either_way = blur / 2 / roots[~lost]
    return float(roots.sum()), math.sqrt(blur) * int(lost.sum()) + math.sqrt(float((either_way**2).sum()))


def _product(factor: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """L^T C L (R, R), in the lower triangle at least. `covariance` is overwritten."""
    if factor.shape[0] > factor.shape[1] or np.triu(factor, 1).any():
        product: np.ndarray = factor.T @ (covariance @ factor)
        return product
    from scipy.linalg import lapack

    # A quarter of the arithmetic of two products of full matrices. The transposes are in LAPACK's own order.
    upper, _ = lapack.dsygst(covariance.T, factor.T, itype=2, overwrite_a=1)
    lower: np.ndarray = upper.T
    return lower


def _robust_trace(one: Moments, other: Moments) -> float:
    return float(np.linalg.svd(other.factor.T @ one.factor, compute_uv=False).sum())


def influences(subject: Moments, reference: Moments, features: np.ndarray) -> np.ndarray:
    """How much each picture moves the distance, (n,): N times the change of it as one more such picture comes in.

    The derivative of the distance by the subject's distribution, at the features (n, F) of some of its N pictures:
    2 (x - m) (m - m_ref) + |x - m|^2 - (x - m)^T L K^(-1/2) L^T (x - m) with C_ref = L L^T and K = L^T C L.
    Its standard deviation over the root of N is the standard error of the distance (the infinitesimal jackknife:
    Efron 1982, ch. 6), for one more decomposition where the bootstrap takes hundreds.
    """
    with on_one_thread():
        factor = reference.factor
        eigenvalues, vectors = np.linalg.eigh(_product(factor, subject.covariance))
    kept = eigenvalues > EPSILON * len(eigenvalues) * eigenvalues.max(initial=0.0)
    transport = (factor @ vectors[:, kept]) * eigenvalues[kept] ** -0.25
    apart = np.asarray(features, np.float64) - subject.mean
    moved: np.ndarray = 2 * apart @ (subject.mean - reference.mean) + (apart**2).sum(1)
    moved -= ((apart @ transport) ** 2).sum(1)
    return moved


def spread(subject: Moments, reference: Moments, features: np.ndarray, seed: int) -> float:
    """The standard deviation of the influences of the subject's pictures, estimated from some of them."""
    rows = np.arange(len(features))
    if len(rows) > SPREAD_OF:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), SPREAD_OF, replace=False))
    return float(influences(subject, reference, features[rows]).std(ddof=1))


def moments_of(sample: Sample) -> Moments:
    """Those that the sample carries, else of its features."""
    if sample.moments is not None:
        return sample.moments
    assert sample.features is not None
    return Moments.of(sample.features)


def advised_for(dimension: int) -> int:
    """Pictures under which the distance's bias may exceed 1 % of the features' variance; 50,000 at most.

    For normal features of equal variances, N pictures of the reference's own distribution are at the distance
    (1 + (F + 1) / 4) / N of their variance (second order of the trace in C1 - C2). Features whose variances fall off
    have less. 50,000 is what published scores are computed from.
    """
    return min(25 * (dimension + 5), 50_000)


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    subject, real = moments_of(sample), moments_of(reference)
    distance = frechet_distance(subject, real)
    if not setting.options["interval"]:
        return {"fd": Value(distance)}
    error = spread(subject, real, sample.features, setting.seed) / math.sqrt(len(sample.features))
    how = f"95 %, of the expected distance of {subject.count:,} such pictures, this reference given"
    return {"fd": normal_interval(distance, error, how, least=0.0)}


METRIC = Metric(
    name="fd",
    outputs=(Output("fd", "Frechet distance", "lower"),),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Heusel et al. 2017, arXiv:1706.08500; Dowson & Landau 1982",
    least=2,
    advised=50_000,
    advised_for=advised_for,
    why_advised="its bias is in proportion to features over pictures, and differs from model to model "
    "(Chong & Forsyth 2020, arXiv:1911.07023)",
    options={"interval": True},
)
