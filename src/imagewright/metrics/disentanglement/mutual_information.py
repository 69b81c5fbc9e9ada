"""The mutual information gap: how much more the best latent of a factor knows of it than the second best.

Chen et al. 2018, "Isolating Sources of Disentanglement in VAEs", arXiv:1802.04942, section 4. Latents and factors are
divided into bins, as Locatello et al. 2019, arXiv:1811.12359, appendix C, do; here into bins of equal counts, so that
a change of scale that keeps the order of the values changes nothing. Shape letters: N pictures, Z latents, F factors.
"""

from __future__ import annotations

import numpy as np

FEW_VALUES = 20
"""Numbers with at most so many different values are their own bins: classes, and attributes of 0 and 1."""


def bin_evenly(values: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each value, int64 (N, K), in each column: bins of about equal counts, or one a value if it has few.

    values: (N, K).
    bins: at least 2.
    """
    found = np.empty(values.shape, np.int64)
    for column in range(values.shape[1]):
        numbers = values[:, column]
        distinct = np.unique(numbers)
        if len(distinct) <= FEW_VALUES:
            found[:, column] = np.searchsorted(distinct, numbers)
        else:
            edges = np.unique(np.quantile(numbers, np.arange(1, bins) / bins))
            found[:, column] = np.searchsorted(edges, numbers, side="right")
    return found


def entropies(codes: np.ndarray) -> np.ndarray:
    """The entropy of each column in nats, float64 (K,). codes: int (N, K), from 0."""
    return np.array([_entropy(np.bincount(codes[:, column])) for column in range(codes.shape[1])])


def mutual_information(latents: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The mutual information of each latent and each factor in nats, float64 (Z, F).

    latents: bins, int64 (N, Z).
    factors: bins, int64 (N, F).
    Estimates of N pictures are too large by about (bins - 1) (levels - 1) / 2N.
    """
    of_latents, of_factors = entropies(latents), entropies(factors)
    found = np.empty((latents.shape[1], factors.shape[1]))
    for row in range(latents.shape[1]):
        for column in range(factors.shape[1]):
            levels = int(factors[:, column].max()) + 1
            joint = np.bincount(latents[:, row] * levels + factors[:, column])
            found[row, column] = of_latents[row] + of_factors[column] - _entropy(joint)
    return np.maximum(found, 0)


def information_gaps(information: np.ndarray, entropy: np.ndarray) -> np.ndarray:
    """The gap of the two largest values of each factor over its entropy, float64 (F,), from 0 to 1: the MIG's terms.

    information: (Z, F) with one latent at least; the second best of a single one is 0.
    entropy: (F,), above 0.
    """
    ordered = np.sort(np.concatenate([information, np.zeros((1, information.shape[1]))]), axis=0)
    gaps: np.ndarray = (ordered[-1] - ordered[-2]) / entropy
    return gaps


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
