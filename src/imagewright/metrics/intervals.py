"""Confidence intervals: from a standard error, from independent parts, by the bootstrap.

Every interval states in words what it covers. Most scores are biased for a finite number of pictures; an interval then
covers the mean of that score over other samples of as many pictures, not its limit for infinitely many.
Shape letters: N values, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.metric import Value

LEVEL = 0.95
NORMAL_QUANTILE = 1.959963984540054  # of LEVEL, two-sided

Statistic = Callable[[np.ndarray], float]


def normal_interval(
    value: float, standard_error: float, how: str, *, least: float = -math.inf, most: float = math.inf
) -> Value:
    """The value with its 95 % normal interval, clipped to the range of the number.

    value: the number.
    standard_error: of the number.
    how: what the interval covers, in words.
    least, most: the range of the number.
    """
    half = NORMAL_QUANTILE * standard_error
    return Value(value, max(value - half, least), min(value + half, most), how)


def auc_error(area: float, positive: int, negative: int) -> float:
    """The standard error of an area under the ROC curve (Hanley & McNeil 1982, Radiology 143:29, equations 1 and 2).

    area: under the curve, from 0 to 1.
    positive, negative: values of each kind, one at least.
    """
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positive - 1) * (first - area**2) + (negative - 1) * (second - area**2)
    return math.sqrt(max(variance, 0.0) / (positive * negative))


def parts_interval(parts: np.ndarray, how: str) -> Value:
    """The mean of independent parts (N,), with its 95 % interval by Student's t. A single part has no interval."""
    mean = float(np.mean(parts))
    if len(parts) < 2:
        return Value(mean)
    from scipy.special import stdtrit

    half = float(stdtrit(len(parts) - 1, (1 + LEVEL) / 2)) * float(np.std(parts, ddof=1)) / math.sqrt(len(parts))
    return Value(mean, mean - half, mean + half, how)


def bootstrap(
    values: np.ndarray,
    statistic: Statistic | None = None,
    *,
    resamples: int = 1000,
    level: float = LEVEL,
    seed: int = 0,
    what: str = "pictures",
) -> Value:
    """A statistic with its percentile bootstrap interval (Efron 1979): rows are resampled with replacement, R times.

    values: (N, ...).
    statistic: of an array like `values`; None for the mean of values (N,), which is computed without copying them.
    resamples: R.
    level: of the interval.
    seed: equal seeds give equal intervals.
    what: what the rows are, for the description of the interval.

    Raises `DataError` for no rows, `ConfigError` for fewer than 20 resamples or a level outside (0, 1).
    """
    values = np.asarray(values, np.float64)
    if not len(values):
        raise DataError(f"There are no {what} to compute an interval from.")
    if resamples < 20 or not 0 < level < 1:
        raise ConfigError(
            f"resamples={resamples} at level={level}, but at least 20, and a level between 0 and 1, were expected."
        )
    random = np.random.default_rng(seed)
    count = len(values)
    found = np.empty(resamples)
    for index in range(resamples):
        rows = random.integers(0, count, count)
        if statistic is None:
            found[index] = np.bincount(rows, minlength=count) @ values / count
        else:
            found[index] = statistic(values[rows])
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    value = float(values.mean()) if statistic is None else statistic(values)
    return Value(value, float(low), float(high), f"{100 * level:g} %, bootstrap over {what}")
