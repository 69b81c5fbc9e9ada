"""Faces in frames that lie on their side: the turn that shows them is kept."""

from __future__ import annotations

import numpy as np
from face_shapes import posed_face

from imagewright.face_crops.turning import PATIENCE, TurningFinder
from imagewright.faces.detections import Face
from imagewright.faces.pose import Pose, head_pose


class UprightFinder:
    """Finds a face if the upper half is bright, and counts how often it was asked."""

    name, notes = "upright", ()

    def __init__(self) -> None:
        self.asked = 0

    def find(self, picture: np.ndarray) -> list[Face]:
        self.asked += 1
        is_upright = picture[: len(picture) // 2].mean() > 2 * picture[len(picture) // 2 :].mean()
        return [posed_face(Pose(10, 0, 0), centre=(picture.shape[1] / 2, 30))] if is_upright else []


UPRIGHT = np.zeros((100, 60, 3), np.uint8)
UPRIGHT[:50] = 200
PLAIN = np.full((100, 60, 3), 90, np.uint8)


def test_a_lying_video_is_turned_once() -> None:
    inner = UprightFinder()
    finder = TurningFinder(inner)
    lying = np.rot90(UPRIGHT)  # a quarter to the left: its top is at the left
    for frame in range(5):
        (face,) = finder.find(np.ascontiguousarray(lying))
        pose = head_pose(face)
        assert pose is not None
        assert round(pose.roll) == -90
        assert face.points[:, 0].mean() < 50
        assert inner.asked == 2 + frame  # as it is, turned once; from then on turned at once


def test_frames_without_anyone_are_not_turned_each_time() -> None:
    inner = UprightFinder()
    finder = TurningFinder(inner)
    for _ in range(PATIENCE):
        assert finder.find(PLAIN) == []
    assert inner.asked == PATIENCE + 3  # the first frame in all turns
    assert len(finder.find(UPRIGHT)) == 1
