"""Points over time without their shake: local parabolas over as many frames as agree with them.

At each frame a parabola is fitted to the frames around it, so that there is no lag. The largest window is used whose
value is consistent with those of the smaller ones within their noise (Katkovnik 1999, "A new method for varying
adaptive bandwidth selection", the intersection of confidence intervals): at rest many frames are averaged, in a fast
turn or a blink few. The noise is estimated from second differences. Shape letters: T frames, K points.
"""

from __future__ import annotations

import numpy as np

WINDOWS = (3, 5, 7, 9, 13)  # frames
CONFIDENCE = 3.0  # standard deviations that windows may differ by
SECOND_DIFFERENCE = 6**0.5  # standard deviation of x[t-1] - 2 x[t] + x[t+1] for noise of 1
NORMAL_MEDIAN = 0.6745  # median of |x| for a standard normal x
DEGREE = 2


def smooth_points(points: np.ndarray) -> np.ndarray:
    """Points of one track over consecutive frames, (T, K, 2) or (T, K, 3), without shake. Mouth and eyes move freely.

    Points of another shot are another track: cut the array at jumps first.
    """
    frames = len(points)
    values = np.asarray(points, float)
    spread = estimate_shake(values)
    best = values.copy()
    low, high = values - CONFIDENCE * spread, values + CONFIDENCE * spread
    open_still = np.ones(values.shape[:2], bool)
    for window in (each for each in WINDOWS if each <= frames):
        smoothed, gain = _fit_parabolas(values, window)
        margin = CONFIDENCE * spread * gain
        low, high = np.maximum(low, smoothed - margin), np.minimum(high, smoothed + margin)
        open_still &= (low <= high).all(-1)
        best[open_still] = smoothed[open_still]
    return best


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


def _fit_parabolas(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of local parabolas at each frame, and the standard deviation of their noise for noise of 1, (T, 1, 1).

    At the ends the window stays inside, so that it reaches farther to one side.
    """
    frames, half = len(values), window // 2
    starts = np.clip(np.arange(frames) - half, 0, frames - window)
    smoothed, gains = np.empty_like(values), np.empty((frames, 1, 1))
    degree = min(DEGREE, window - 2)
    for place in range(window):  # of the frame in its window
        rows = np.flatnonzero(np.arange(frames) - starts == place)
        if not len(rows):
            continue
        weights = np.linalg.pinv(np.vander(np.arange(window) - place, degree + 1, increasing=True))[0]
        taken = values[starts[rows][:, None] + np.arange(window)]  # (R, window, K, 2)
        smoothed[rows] = np.tensordot(taken, weights, ([1], [0]))
        gains[rows] = np.sqrt(np.square(weights).sum())
    return smoothed, gains
