"""Random pairs of pictures, and means over them with intervals for dependent pairs.

Shape letters: N pictures, P pairs.
"""

from __future__ import annotations

import math

import numpy as np

from imagewright.errors import DataError
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Value
from imagewright.seeds import derive_seed


def random_pairs(count: int, pairs: int, seed: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Pairs of different pictures, int64 (P, 2).

    Pictures are shuffled and paired in order, and shuffled again when all are used, so that all occur about equally
    often. If there are at most `pairs` different pairs, each is returned once.

    count: N.
    pairs: P at most.
    seed: of the shuffles.
    labels: int64 (N,): both pictures of a pair are of one class, and classes occur in proportion to their pictures.

    Raises `DataError` if there are no two pictures (of one class).
    """
    if labels is None and count > 1 and count * (count - 1) // 2 <= pairs:
        return np.stack(np.triu_indices(count, 1), 1)
    generator = np.random.default_rng(derive_seed(seed, "pairs"))
    groups = [np.arange(count)] if labels is None else [np.flatnonzero(labels == label) for label in np.unique(labels)]
    groups = [group for group in groups if len(group) >= 2]
    if not groups:
        of_class = "" if labels is None else " of the same class"
        raise DataError(f"Pairs need at least two pictures{of_class}, and among {count:,} there are none.")
    found: list[np.ndarray] = []
    total = 0
    while total < pairs:
        rounds = [generator.permutation(group)[: len(group) // 2 * 2].reshape(-1, 2) for group in groups]
        # Shuffled across classes: a truncated last round must not omit the last classes.
        found.append(generator.permutation(np.concatenate(rounds)))
        total += len(found[-1])
    return np.concatenate(found)[:pairs]


def mean_over_pairs(values: np.ndarray, pairs: np.ndarray) -> Value:
    """The mean of values of pairs, with a 95 % interval that accounts for pairs with a picture in common.

    The variance is the sum of the products of all residuals whose pairs share a picture (Aronow, Samii & Assenova 2015,
    arXiv:1312.3398). A bootstrap over pairs would treat 10,000 pairs of 200 pictures as independent.

    values: (P,).
    pairs: rows of the pictures, int64 (P, 2).
    """
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    residuals = values - mean
    per_picture = np.zeros(int(pairs.max()) + 1)
    np.add.at(per_picture, pairs, residuals[:, None])
    squares = float(residuals @ residuals)
    variance = max(squares, float(per_picture @ per_picture) - squares) / len(values) ** 2
    return normal_interval(mean, math.sqrt(variance), "95 %, pairs that share a picture counted as dependent")
