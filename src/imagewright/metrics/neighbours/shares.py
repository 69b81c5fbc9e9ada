"""Shares of pictures with Wilson's confidence interval."""

from __future__ import annotations

import math

import numpy as np

from imagewright.metrics.intervals import NORMAL_QUANTILE
from imagewright.metrics.metric import Value


def wilson_share(inside: np.ndarray, what: str) -> Value:
    """The share of True among bools (N,), with Wilson's 95 % interval (1927), which is valid for shares of 0 and 1 too.

    inside: bool (N,).
    what: the pictures, and what is held fixed, for the description of the interval.
    """
    count, share = len(inside), float(np.mean(inside))
    squared = NORMAL_QUANTILE**2 / count
    middle = (share + squared / 2) / (1 + squared)
    half = NORMAL_QUANTILE * math.sqrt(share * (1 - share) / count + squared / (4 * count)) / (1 + squared)
    # The bounds are within 0 and 1, and at a share of 0 or 1 one of them is the share: else rounding would show.
    low, high = max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))
    return Value(share, low, high, f"95 %, Wilson, over {what}")
