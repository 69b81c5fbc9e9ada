"""Factors of covariances, of full rank or not: L with L L^T = C.

Cholesky's factor is taken of the covariance with unit variances, so that the scale of each feature is exact, however
unlike they are. Where features outnumber pictures, repeat each other or never vary, the factor is pivoted (Higham 1990,
"Analysis of the Cholesky decomposition of a semi-definite matrix") and ends at the rank.
Shape letters: F features, R rank.
"""

from __future__ import annotations

import numpy as np

EPSILON = float(np.finfo(np.float64).eps)


def factor_of(covariance: np.ndarray, most_rank: int) -> np.ndarray:
    """L (F, R), R <= `most_rank`, with L L^T = `covariance` (F, F); lower triangular where the rank is full.

    Full rank means that no feature is told by those before it to F * 4e-15 of its variance, where rounding begins.
    """
    scales = np.sqrt(covariance.diagonal().clip(0))
    varied = np.flatnonzero(scales)
    unit = covariance[np.ix_(varied, varied)] if len(varied) < len(scales) else covariance.copy()
    unit /= scales[varied]
    unit /= scales[varied, None]
    root = _full(unit) if most_rank >= len(varied) else None
    if root is None:
        root = _pivoted(unit)[:, :most_rank]
    factor = np.zeros((len(scales), root.shape[1]))
    factor[varied] = root * scales[varied, None]
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
