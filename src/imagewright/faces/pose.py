"""The pose of a head in degrees, from the points of the mesh with their depth.

The rotation that best maps a mean face onto the points that do not move with expression (Kabsch 1976, "A solution for
the best rotation to relate two sets of vectors"), as turns about the head's own vertical axis (yaw), then up or down
(pitch), then in the plane of the picture (roll). In this order a full profile has a pose too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.faces.detections import Face
from imagewright.faces.landmarks import MEAN_RIGID, RIGID


@dataclass(frozen=True)
class Pose:
    """A pose in degrees.

    Attributes:
        yaw: above 0 if the face looks to the right of the picture.
        pitch: above 0 if it looks up.
        roll: above 0 if the head is turned clockwise in the picture.
    """

    yaw: float
    pitch: float
    roll: float

    def to_json(self) -> dict[str, float]:
        """JSON values, with two decimals."""
        return {"yaw": round(self.yaw, 2), "pitch": round(self.pitch, 2), "roll": round(self.roll, 2)}


def head_pose(face: Face) -> Pose | None:
    """The pose of a face, or None if it has no points with depth, which only the mesh gives."""
    if face.layout != "mesh" or face.points.shape[1] < 3:
        return None
    return pose_of(fit_rotation(MEAN_RIGID, face.points[RIGID]))


def fit_rotation(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) that, with the best scale and shift, maps points (n, 3) onto targets (n, 3)."""
    left, _, right = np.linalg.svd((targets - targets.mean(0)).T @ (points - points.mean(0)))
    signs = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
    rotation: np.ndarray = left @ signs @ right
    return rotation


def pose_of(rotation: np.ndarray) -> Pose:
    """The pose of a rotation (3, 3) of x to the right, y down and depth away from the camera."""
    yaw = np.arctan2(rotation[2, 0], rotation[2, 2])
    pitch = np.arcsin(np.clip(-rotation[2, 1], -1, 1))
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return Pose(*(float(np.degrees(angle)) for angle in (yaw, pitch, roll)))


def rotation_of(pose: Pose) -> np.ndarray:
    """The rotation (3, 3) of a pose: the inverse of `pose_of`."""
    yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
    about_neck = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    upwards = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    in_picture = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    rotation: np.ndarray = in_picture @ upwards @ about_neck
    return rotation
