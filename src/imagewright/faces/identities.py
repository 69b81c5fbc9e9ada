"""Distances between identities, the 128 numbers that a network sees in a face. N and K faces."""

from __future__ import annotations

import numpy as np

SAME_PERSON = 0.6  # the Euclidean distance below which two faces are of one person (King 2017)


def identity_distances(identities: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The Euclidean distance of each of (N, 128) to each of (K, 128): (N, K)."""
    one, other = np.asarray(identities, float), np.asarray(others, float)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.sqrt(np.clip(squares, 0, None))


def mean_distances(identities: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The distance of each of (N, 128) to a person: the mean over the person's faces (K, 128). (N,)."""
    return identity_distances(identities, person).mean(1)


def nearest_distances(identities: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The distance of each of (N, 128) to the nearest of a person's faces (K, 128). (N,)."""
    return identity_distances(identities, person).min(1)
