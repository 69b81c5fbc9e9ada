"""Means over random pairs of pictures: which pairs, and how far such a mean can be relied on.

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
    """int64 (P, 2): pairs of different pictures out of `count`, P = `pairs` at most; the same for a seed.

    Pictures are shuffled and taken two by two, and shuffled anew when they run out: none comes much more often than
    another. Where there are no more pairs than wanted, it is each of them once. With labels int64 (N,), both of a pair
    are of one class, and classes come as often as they have pictures.
    Raises `DataError` where there are no two pictures (of one class).
    """
    if labels is None and count > 1 and count * (count - 1) // 2 <= pairs:
        return np.stack(np.triu_indices(count, 1), 1)
    generator = np.random.default_rng(derive_seed(seed, "pairs"))
    groups = [np.arange(count)] if labels is None else [np.flatnonzero(labels == label) for label in np.unique(labels)]
    groups = [group for group in groups if len(group) >= 2]
    if not groups:
        of_class = "" if labels is None else " of the same class"
        raise DataError(f"Pairs need two pictures{of_class} at least, and of {count:,} there are none.")
    found: list[np.ndarray] = []
    drawn = 0
    while drawn < pairs:
        rounds = [generator.permutation(group)[: len(group) // 2 * 2].reshape(-1, 2) for group in groups]
        # Shuffled over the classes: a round cut short by the number of pairs wanted must not leave out the last ones.
        found.append(generator.permutation(np.concatenate(rounds)))
        drawn += len(found[-1])
    return np.concatenate(found)[:pairs]


def mean_over_pairs(values: np.ndarray, pairs: np.ndarray) -> Value:
    """The mean of values (P,) of pairs (P, 2), with a 95 % interval that knows which pairs share a picture.

    Variance of a mean over pairs: the products of all residuals whose pairs have a picture in common (Aronow, Samii &
    Assenova 2015, arXiv:1312.3398). A bootstrap over pairs would take 10,000 pairs of 200 pictures for 20,000.
    """
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    residuals = values - mean
    per_picture = np.zeros(int(pairs.max()) + 1)
    np.add.at(per_picture, pairs, residuals[:, None])
    squares = float(residuals @ residuals)
    variance = max(squares, float(per_picture @ per_picture) - squares) / len(values) ** 2
    return normal_interval(mean, math.sqrt(variance), "95 %, pairs that share a picture counted as dependent")
