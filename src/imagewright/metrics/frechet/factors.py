"""Factors of covariances, of full rank or not: L with L L^T = C.

It is Cholesky's. Where features outnumber pictures, repeat each other or never vary, it is pivoted and ends at the rank
(Higham 1990, "Analysis of the Cholesky decomposition of a semi-definite matrix"), of the covariance at unit variances:
rounding is then relative to each feature's, however unlike they are, as it is without pivots.
Shape letters: F features, R rank.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np

EPSILON = float(np.finfo(np.float64).eps)


def on_one_thread() -> AbstractContextManager[Any]:
    """Decompositions in here run on one thread of the processor.

    Those of symmetric matrices gain little from a second one, and threads that wait for each other thousands of times
    make them ten times slower where a training uses the other cores.
    """
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401 - it has threads of its own, which must be there to be found
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def factor_of(covariance: np.ndarray, most_rank: int) -> np.ndarray:
    """L (F, R), R <= `most_rank`, with L L^T = `covariance` (F, F); lower triangular where full rank is beyond doubt.

    It is where no feature is told by those before it to F * 4e-15 of its variance, which rounding could feign.
    """
    if most_rank >= len(covariance):
        full = _full(covariance)
        if full is not None:
            return full
    scales = np.sqrt(covariance.diagonal().clip(0))
    varied = np.flatnonzero(scales)
    unit = covariance[np.ix_(varied, varied)] / scales[varied]
    unit /= scales[varied, None]
    root = _pivoted(unit)[:, :most_rank]
    factor = np.zeros((len(scales), root.shape[1]))
    factor[varied] = root * scales[varied, None]
    return factor


def _full(covariance: np.ndarray) -> np.ndarray | None:
    """Cholesky's factor, or None for a matrix that has not full rank as far as rounding lets it be told."""
    from scipy.linalg import lapack

    upper, failed = lapack.dpotrf(covariance.T)  # of the transpose, which is in LAPACK's order and spares copies
    if failed:
        return None
    untold = upper.diagonal() ** 2 / covariance.diagonal()
    root: np.ndarray = upper.T
    return root if untold.min() > 16 * EPSILON * len(covariance) else None


def _pivoted(unit: np.ndarray) -> np.ndarray:
    """The pivoted factor, rows in their own order; it ends where what is left is rounding."""
    from scipy.linalg import lapack

    if not len(unit):
        return unit
    packed, pivots, rank, _ = lapack.dpstrf(unit.T, lower=1)
    root = np.zeros((len(unit), rank))
    root[pivots - 1] = np.tril(packed)[:, :rank]
    return root
