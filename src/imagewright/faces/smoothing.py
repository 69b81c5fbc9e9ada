"""Points over time without their shake: local parabolas over as many frames as agree with them.

At each frame a parabola is fitted to the frames around it, so that there is no lag. The largest window is used whose
value is consistent with those of the smaller ones within their noise (Katkovnik 1999, "A new method for varying
adaptive bandwidth selection", the intersection of confidence intervals): at rest many frames are averaged, in a fast
turn or a blink few. The noise is estimated from second differences. Shape letters: T frames, K points.
"""

from __future__ import annotations

from functools import cache

import numpy as np

WINDOWS = (3, 5, 7, 9, 13)  # frames
REACH = WINDOWS[-1] // 2
CONFIDENCE = 3.0  # standard deviations that windows may differ by
SECOND_DIFFERENCE = 6**0.5  # standard deviation of x[t-1] - 2 x[t] + x[t+1] for noise of 1
NORMAL_MEDIAN = 0.6745  # median of |x| for a standard normal x
DEGREE = 2


def smooth_points(points: np.ndarray) -> np.ndarray:
    """Points of one track over consecutive frames, (T, K, 2) or (T, K, 3), without shake. Mouth and eyes move freely.

    Points of another shot are another track: cut the array at jumps first.
    """
    values = np.asarray(points, float)
    spread = estimate_shake(values)[0]
    return np.stack([_smooth_frame(values, frame, spread) for frame in range(len(values))])


def smooth_at(points: np.ndarray, frame: int) -> np.ndarray:
    """One frame of `smooth_points`, (K, 2) or (K, 3). It is the same from any `REACH` frames before and after it, but
    that the shake is estimated from the frames that are given: some thirty are enough."""
    values = np.asarray(points, float)
    return _smooth_frame(values, frame, estimate_shake(values)[0])


def _smooth_frame(values: np.ndarray, frame: int, spread: np.ndarray) -> np.ndarray:
    best: np.ndarray = values[frame]
    low, high = best - CONFIDENCE * spread, best + CONFIDENCE * spread
    still_open = np.ones(len(best), bool)
    for window in (each for each in WINDOWS if each <= len(values)):
        # At the ends the window stays inside, so that it reaches farther to one side.
        start = min(max(frame - window // 2, 0), len(values) - window)
        weights = _parabola_weights(window, frame - start)
        smoothed = np.tensordot(weights, values[start : start + window], 1)
        margin = CONFIDENCE * spread * np.sqrt(np.square(weights).sum())
        low, high = np.maximum(low, smoothed - margin), np.minimum(high, smoothed + margin)
        still_open &= (low <= high).all(-1)
        best = np.where(still_open[:, None], smoothed, best)
    return best


@cache
def _parabola_weights(window: int, place: int) -> np.ndarray:
    """The weights of the frames of a window in the value of their parabola at one of them."""
    degree = min(DEGREE, window - 2)
    weights: np.ndarray = np.linalg.pinv(np.vander(np.arange(window) - place, degree + 1, increasing=True))[0]
    return weights


def estimate_shake(points: np.ndarray) -> np.ndarray:
    """The standard deviation of the noise of each point over time, (1, K, 2 or 3); 0 with fewer than three frames.

    It is robust to turns, which are rare and even: a median of second differences.
    """
    if len(points) < 3:
        return np.zeros((1, *points.shape[1:]))
    seconds = points[:-2] - 2 * points[1:-1] + points[2:]
    median: np.ndarray = np.median(np.abs(seconds), 0, keepdims=True)
    return median / NORMAL_MEDIAN / SECOND_DIFFERENCE


def shake(points: np.ndarray) -> np.ndarray:
    """The shake at each frame but the first and the last, (T - 2,): the root mean square over points of second
    differences, over the square root of 6. It is the standard deviation of the noise where the motion is even."""
    seconds = points[:-2] - 2 * points[1:-1] + points[2:]
    found: np.ndarray = np.sqrt(np.square(seconds[..., :2]).sum(-1).mean(-1) / 2) / SECOND_DIFFERENCE
    return found
