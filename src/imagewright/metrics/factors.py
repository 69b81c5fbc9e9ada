"""Factors of covariances, of full rank or not: L with L L^T = C.

Cholesky's factor is taken of the covariance with unit variances, so that the scale of each feature is exact, however
unlike they are. Where features outnumber pictures, repeat each other or never vary, the factor is pivoted (Higham 1990,
"Analysis of the Cholesky decomposition of a semi-definite matrix") and ends at the rank.
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

    Full rank means that no feature is told by those before it to F * 4e-15 of its variance, where rounding begins.
    """
    scales = np.sqrt(covariance.diagonal().clip(0))
    varied = np.flatnonzero(scales)
    whole = len(varied) == len(scales)
    unit = (covariance if whole else covariance[np.ix_(varied, varied)]) / scales[varied]
    unit /= scales[varied, None]
    root = _full(unit) if most_rank >= len(varied) else None
    if root is None:
        root = _pivoted(unit)[:, :most_rank]
    root *= scales[varied, None]
    if whole:
        return root
    factor = np.zeros((len(scales), root.shape[1]))
    factor[varied] = root
    return factor


def _full(unit: np.ndarray) -> np.ndarray | None:
    """Cholesky's factor, or None for a matrix that has not full rank as far as rounding lets it be told."""
    try:
        root = np.linalg.cholesky(unit)
    except np.linalg.LinAlgError:
        return None
    least = float((root.diagonal() ** 2).min(initial=1.0))
    return root if least > 16 * EPSILON * len(unit) else None


def _pivoted(unit: np.ndarray) -> np.ndarray:
    """The pivoted factor, rows in their own order; it ends where what is left is rounding."""
    from scipy.linalg import lapack

    if not len(unit):
        return unit
    packed, pivots, rank, _ = lapack.dpstrf(unit.T, lower=1)
    root = np.zeros((len(unit), rank))
    root[pivots - 1] = np.tril(packed)[:, :rank]
    return root
