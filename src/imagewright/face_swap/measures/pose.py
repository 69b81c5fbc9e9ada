"""Whether the head is turned as in the footage: differences of yaw, pitch and roll in degrees, frame by frame."""

from __future__ import annotations

import numpy as np

from imagewright.face_swap.measures.intervals import frames_interval, mean_of
from imagewright.face_swap.measures.measure import Aim, Measure, MeasuredValue

SETTINGS = {
    "pose": "Kabsch of the mesh's rigid points with depth to a mean mesh",
    "points": "not smoothed, two passes from one square in both",
}
SOURCE = "pose error of FaceForensics++'s protocol, with the pose of the mesh"
ERROR = Measure(
    "pose/error", "pose error", "degrees", "lower", SOURCE,
    SETTINGS | {"error": "length of (yaw, pitch, roll)"}, Aim("at most", 5.0),
)  # fmt: skip
ANGLES = tuple(
    Measure(f"pose/{angle}", f"error of the {angle}", "degrees", "lower", SOURCE, SETTINGS | {"error": "absolute"})
    for angle in ("yaw", "pitch", "roll")
)


def pose_differences(swapped: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Differences of angles in degrees (T, 3), from -180 to 180."""
    return (swapped - original + 180) % 360 - 180


def measure_pose(swapped: np.ndarray, original: np.ndarray) -> list[MeasuredValue]:
    """The mean length of the differences, and the mean difference of each angle.

    swapped, original: yaw, pitch, roll in degrees of each frame, (T, 3).
    """
    differences = pose_differences(swapped, original)
    found = [MeasuredValue(ERROR, frames_interval(np.linalg.norm(differences, axis=1), mean_of))]
    for place, measure in enumerate(ANGLES):
        found.append(MeasuredValue(measure, frames_interval(np.abs(differences[:, place]), mean_of)))
    return found
