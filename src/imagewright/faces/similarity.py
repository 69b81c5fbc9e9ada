"""The similarity (scale, rotation, shift) that best maps points onto points.

Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", equations 34 to 42.
"""

from __future__ import annotations

import numpy as np


def fit_similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The matrix (2, 3) for which `apply_affine(matrix, points)` is nearest to `targets` in least squares.

    points, targets: (n, 2), with two different points at least. A reflection is never returned.
    """
    means, aims = points.mean(0), targets.mean(0)
    centred, aimed = points - means, targets - aims
    left, singular, right = np.linalg.svd(aimed.T @ centred / len(points))
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
    rotation = left @ np.diag(signs) @ right
    scale = (singular * signs).sum() / max(centred.var(0).sum(), 1e-12)
    linear = scale * rotation
    return np.concatenate([linear, (aims - linear @ means)[:, None]], 1)


def apply_affine(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) under a matrix (2, 3)."""
    moved: np.ndarray = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def invert_affine(matrix: np.ndarray) -> np.ndarray:
    """The matrix (2, 3) of the inverse."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.concatenate([linear, -(linear @ matrix[:, 2])[:, None]], 1)


def scale_of(matrix: np.ndarray) -> float:
    """The scale of a similarity."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
