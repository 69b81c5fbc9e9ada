"""Shake of the swapped face: second differences of its points over time, as a ratio to the footage's.

A still head has the shake of the network that finds the points alone, which the footage has too: so the ratio says what
the swap adds. Shape letters: T frames, K points.
"""

from __future__ import annotations

import numpy as np

from imagewright.face_swap.measures.expression import INNER
from imagewright.face_swap.measures.intervals import frames_interval, ratio_of_means
from imagewright.face_swap.measures.measure import Aim, Measure, MeasuredValue
from imagewright.faces.landmarks import LEFT_EYE, RIGHT_EYE
from imagewright.faces.smoothing import shake

RATIO = Measure(
    "jitter/ratio", "shake of the points, over the footage's", "", "near 1",
    "second differences; stabilisation literature",
    {
        "points": "17-67 of the mesh, not smoothed, two passes from one square in both",
        "shake": "root mean square over points of second differences over sqrt(6), in eye distances of the footage",
        "mean": "over frames, then the ratio",
    },
    Aim("at most", 1.3),
)  # fmt: skip
NONE = "no three frames in a row show the face"


def between_two(shots: np.ndarray) -> np.ndarray:
    """The places of frames whose neighbours are of the same shot, int (M,)."""
    inside = (shots[:-2] == shots[1:-1]) & (shots[1:-1] == shots[2:])
    return np.flatnonzero(inside) + 1


def shakes(swapped: np.ndarray, original: np.ndarray, shots: np.ndarray) -> np.ndarray:
    """The shake of both, (M, 2), in % of the footage's eye distance: of each three frames in a row of one shot.

    swapped, original: points in pixels of the frame, (T, 68, 2).
    shots: (T,), a number that is another one after a cut or where the face was lost.
    """
    if len(shots) < 3:
        return np.zeros((0, 2))
    places = between_two(shots) - 1
    eyes = original[1:-1, RIGHT_EYE].mean(1) - original[1:-1, LEFT_EYE].mean(1)
    distances = np.linalg.norm(eyes, axis=-1)
    both = np.stack([shake(points[:, INNER]) for points in (swapped, original)], 1)
    return both[places] * 100 / distances[places, None]


def measure_jitter(swapped: np.ndarray, original: np.ndarray, shots: np.ndarray) -> MeasuredValue:
    """The ratio of the mean shakes; arguments as of `shakes`."""
    rows = shakes(swapped, original, shots)
    if not len(rows):
        return MeasuredValue(RATIO, None, note=NONE)
    ours, theirs = rows.mean(0)
    return MeasuredValue(
        RATIO, frames_interval(rows, ratio_of_means), note=f"{ours:.2f} against {theirs:.2f} % of eye distance"
    )
