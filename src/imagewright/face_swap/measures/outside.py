"""Whether anything changed outside the face: grey levels between the swapped frame and the original.

A swap that pastes inside its mask changes nothing there before the video is encoded. Encoding again changes a little
everywhere: compare with a lossless output to see zeros.
"""

from __future__ import annotations

import numpy as np

from imagewright.face_swap.measures.intervals import frames_interval, mean_of
from imagewright.face_swap.measures.measure import Aim, Measure, MeasuredValue

GROWN = 1.3  # the hull of the face is enlarged by this factor about its middle: swaps cover the edge of the face too
CLEARLY = 8  # grey levels by which a pixel has clearly changed
SETTINGS = {
    "outside": f"hull of the original's common points and oval, enlarged by {GROWN:g}",
    "levels": "RGB in 0..255",
}
SOURCE = "own"
CHANGE = Measure(
    "outside/change", "change outside the face", "grey levels", "lower", SOURCE,
    SETTINGS | {"change": "mean absolute"}, Aim("at most", 2.0),
)  # fmt: skip
SHARE = Measure(
    "outside/changed", "pixels clearly changed outside the face", "share", "lower", SOURCE,
    SETTINGS | {"clearly": CLEARLY}, Aim("at most", 0.02),
)  # fmt: skip


def grow(points: np.ndarray, factor: float) -> np.ndarray:
    """Points (n, 2) farther apart by a factor, about the middle of them."""
    middle = (points.min(0) + points.max(0)) / 2
    grown: np.ndarray = middle + factor * (points - middle)
    return grown


def change_outside(swapped: np.ndarray, original: np.ndarray, face: np.ndarray) -> tuple[float, float] | None:
    """The mean absolute change outside the face, and the share of pixels of which a channel changes by more than 8.

    swapped, original: uint8 (H, W, 3).
    face: bool (H, W), what is left out. None if that is the whole picture.
    """
    outside = ~face
    if not outside.any():
        return None
    # uint8 throughout: frames are large, and this is done for each.
    apart = np.maximum(swapped, original) - np.minimum(swapped, original)
    chosen = apart[outside]
    return float(chosen.mean()), float((chosen.max(-1) > CLEARLY).mean())


def measure_outside(changes: np.ndarray) -> list[MeasuredValue]:
    """The means over frames of (T, 2), of `change_outside`."""
    if not len(changes):
        why = "the face fills the frames"
        return [MeasuredValue(CHANGE, None, note=why), MeasuredValue(SHARE, None, note=why)]
    return [
        MeasuredValue(measure, frames_interval(changes[:, place], mean_of))
        for place, measure in enumerate((CHANGE, SHARE))
    ]
