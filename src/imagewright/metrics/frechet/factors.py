"""Factors of covariances of any rank: L with L L^T = C.

A Cholesky factor. If features outnumber pictures, are duplicates or are constant, it is pivoted and truncated at the
rank (Higham 1990, "Analysis of the Cholesky decomposition of a semi-definite matrix"). Pivoting is applied to the
correlation matrix, so that rounding is relative to the variance of each feature, as it is without pivoting.
Shape letters: F features, R rank.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np

EPSILON = float(np.finfo(np.float64).eps)


def single_blas_thread() -> AbstractContextManager[Any]:
    """A context in which matrix decompositions run on a single thread.

    Symmetric decompositions gain little from a second thread. While a training uses the other cores, several threads
    are ten times slower, since they wait for each other thousands of times.
    """
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401 - loads scipy's own BLAS, so that the controller finds its threads
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def factorize(covariance: np.ndarray, most_rank: int) -> np.ndarray:
    """L (F, R) with L L^T = `covariance`; lower triangular if the rank is certainly full.

    Full rank is assumed only if no feature is a linear combination of the earlier ones to within F * 4e-15 of its
    variance; below that, rounding could produce the same.

    covariance: (F, F).
    most_rank: the largest R.
    """
    if most_rank >= len(covariance):
        full = _full_rank_factor(covariance)
        if full is not None:
            return full
    scales = np.sqrt(covariance.diagonal().clip(0))
    varied = np.flatnonzero(scales)
    # Copied without indices where no feature is constant: of many features and few pictures, copies take the time.
    unit = covariance.copy() if len(varied) == len(scales) else covariance[np.ix_(varied, varied)]
    unit /= scales[varied]
    unit /= scales[varied, None]
    root = _pivoted_factor(unit)[:, :most_rank]
    factor = np.zeros((len(scales), root.shape[1]))
    factor[varied] = root * scales[varied, None]
    return factor


def _full_rank_factor(covariance: np.ndarray) -> np.ndarray | None:
    """The Cholesky factor, or None if rounding leaves open whether the matrix has full rank."""
    from scipy.linalg import lapack

    upper, failed = lapack.dpotrf(covariance.T)  # the transpose is in LAPACK's memory order, which avoids a copy
    if failed:
        return None
    unexplained = upper.diagonal() ** 2 / covariance.diagonal()
    root: np.ndarray = upper.T
    return root if unexplained.min() > 16 * EPSILON * len(covariance) else None


def _pivoted_factor(unit: np.ndarray) -> np.ndarray:
    """The pivoted Cholesky factor, rows in the original order, truncated where the remainder is rounding.

    `unit` is overwritten.
    """
    from scipy.linalg import lapack

    if not len(unit):
        return unit
    packed, pivots, rank, _ = lapack.dpstrf(unit.T, lower=1, overwrite_a=1)
    root = np.zeros((len(unit), rank))
    root[pivots - 1] = np.tril(packed[:, :rank])
    return root
