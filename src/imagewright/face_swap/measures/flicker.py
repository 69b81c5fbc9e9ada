"""Flicker: what changes inside the face from frame to frame that motion does not explain, as a ratio to the footage's.

The warping error of Lai et al. 2018, "Learning blind video temporal consistency", arXiv:1808.00449, section 4.2, with
absolute instead of squared differences: mean |frame t - frame t + 1 moved back by the flow of the original|, inside the
face and where the original is not occluded. The flow is that of the original for both, so that a swap is not measured
by what its own flicker does to a flow. Shape letters: T frames, S side of a crop.
"""

from __future__ import annotations

import numpy as np

from imagewright.face_swap.measures.intervals import frames_interval, ratio_of_means
from imagewright.face_swap.measures.measure import Aim, Measure, MeasuredValue
from imagewright.face_swap.optical_flow import (
    OCCLUSION_OFFSET,
    OCCLUSION_SLOPE,
    FlowMethod,
    visible,
    warp_back,
)
from imagewright.faces.detail import LUMA

SIDE = 128  # pixels of the crop that flow and differences are computed in
CROP = "face"
LEAST_VISIBLE = 0.2  # of the face: with less, a pair of frames is left out
RATIO = Measure(
    "flicker/ratio", "flicker inside the face, over the footage's", "", "near 1", "Lai et al. 2018, arXiv:1808.00449",
    {
        "crop": CROP, "side": SIDE, "mask": "hull of the original's common points and oval",
        "error": "mean absolute difference of RGB in 0..255",
        "flow": "of the original, forward, and backward for occlusions",
        "occlusion": [OCCLUSION_SLOPE, OCCLUSION_OFFSET],
        "least_visible": LEAST_VISIBLE,
        "mean": "over pairs of frames, then the ratio",
    },
    Aim("at most", 1.3),
)  # fmt: skip
NONE = "no two frames in a row show the face"


def warping_errors(
    swapped: tuple[np.ndarray, np.ndarray],
    original: tuple[np.ndarray, np.ndarray],
    mask: np.ndarray,
    flow: FlowMethod,
) -> tuple[float, float] | None:
    """The warping errors of the swapped face and of the original, in grey levels; None if hardly anything is visible.

    swapped, original: crops uint8 (S, S, 3) at times t and t + 1, cut by one square out of all four frames.
    mask: bool (S, S), the face of the original at time t.
    """
    grey = [_grey(picture) for picture in original]
    forward, backward = flow.compute(*grey), flow.compute(grey[1], grey[0])
    seen = mask & visible(forward, backward)
    if seen.sum() <= LEAST_VISIBLE * mask.sum():
        return None
    ours, theirs = (_warping_error(before, after, forward, seen) for before, after in (swapped, original))
    return ours, theirs


def _warping_error(before: np.ndarray, after: np.ndarray, forward: np.ndarray, seen: np.ndarray) -> float:
    return float(np.abs(before.astype(np.float32) - warp_back(after, forward))[seen].mean())


def _grey(picture: np.ndarray) -> np.ndarray:
    return np.round(picture.astype(np.float32) @ LUMA).astype(np.uint8)


def measure_flicker(errors: np.ndarray, flow: FlowMethod) -> MeasuredValue:
    """The ratio of the mean errors.

    errors: (M, 2), of `warping_errors`.
    """
    settings = {"method": flow.name}
    if not len(errors):
        return MeasuredValue(RATIO, None, settings, NONE)
    ours, theirs = errors.mean(0)
    note = f"{ours:.2f} against {theirs:.2f} grey levels"
    return MeasuredValue(RATIO, frames_interval(errors, ratio_of_means), settings, note)
