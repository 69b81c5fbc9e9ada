"""Intervals of statistics over frames: the bootstrap over blocks of frames, since frames in a row are alike."""

from __future__ import annotations

import numpy as np

from imagewright.metrics.intervals import LEVEL, Statistic
from imagewright.metrics.metric import Value

BLOCK = 25  # frames: a second of most footage
LEAST_BLOCKS = 4
RESAMPLES = 200


def frames_interval(rows: np.ndarray, statistic: Statistic, seed: int = 0) -> Value:
    """A statistic of frames with its 95 % interval; without an interval if there are fewer than four blocks.

    Blocks of 25 frames in a row are resampled with replacement (Kuensch 1989, the bootstrap of dependent observations).

    rows: (T, ...), in the order of time.
    statistic: of an array like `rows`.
    """
    value = float(statistic(rows))
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    if len(blocks) < LEAST_BLOCKS:
        return Value(value)
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(blocks), (RESAMPLES, len(blocks)))
    found = [statistic(np.concatenate([blocks[each] for each in row])) for row in chosen]
    low, high = np.nanquantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Value(value, float(low), float(high), f"{100 * LEVEL:g} %, bootstrap over blocks of {BLOCK} frames")


def mean_of(rows: np.ndarray) -> float:
    """The mean of values (T,)."""
    return float(np.mean(rows))


def ratio_of_means(rows: np.ndarray) -> float:
    """The mean of the first column of (T, 2) over that of the second; infinite if the second is 0 alone."""
    first, second = np.mean(rows, 0)
    if second == 0:
        return 1.0 if first == 0 else float("inf")
    return float(first / second)
