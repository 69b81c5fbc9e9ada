"""Faces made of numbers, for tests without networks."""

from __future__ import annotations

import numpy as np

from imagewright.faces.detections import Face
from imagewright.faces.landmarks import FIRST, MEAN_FACE, MEAN_RIGID, MESH_OF_68, RIGID
from imagewright.faces.pose import Pose, rotation_of

EYES = 0.74  # distance of the outer corners of the eyes in the mean face, of whose square the side is 1


def posed_face(pose: Pose, centre: tuple[float, float] = (100.0, 80.0), side: float = 40.0) -> Face:
    """The mean face in a pose, its brows `side` pixels apart. Points that neither mean has are at the centre."""
    points = np.zeros((468, 3))
    points[MESH_OF_68[FIRST:], :2] = MEAN_FACE - 0.5
    points[RIGID] = MEAN_RIGID * EYES + (0, -0.28, 0)
    points = side * points @ rotation_of(pose).T + (*centre, 0)
    box = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
    return Face(box, points, 0.9, "mesh")
