"""The pose of a head: signs, the order of turns, and what scale, shift and expression must not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from face_shapes import posed_face

from imagewright.faces.detections import Face
from imagewright.faces.landmarks import MEAN_RIGID, RIGID
from imagewright.faces.pose import Pose, head_pose, pose_of, rotation_of


def close(found: Pose | None, wanted: Pose) -> None:
    assert found is not None
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((wanted.yaw, wanted.pitch, wanted.roll), abs=1e-6)


@pytest.mark.parametrize(
    "pose",
    [Pose(0, 0, 0), Pose(35, 0, 0), Pose(-35, 10, 0), Pose(90, -20, 15), Pose(-120, 30, -40), Pose(10, 5, 170)],
)
def test_a_pose_is_found_again_at_any_scale_and_place(pose: Pose) -> None:
    close(head_pose(posed_face(pose)), pose)
    close(head_pose(posed_face(pose, centre=(-50, 900), side=300)), pose)
    close(pose_of(rotation_of(pose)), pose)


def test_signs_are_those_of_the_picture() -> None:
    ahead = np.array([0.0, 0.0, -1.0])  # out of the face, to the camera; y down
    assert (rotation_of(Pose(30, 0, 0)) @ ahead)[0] > 0.4  # to the right
    assert (rotation_of(Pose(0, 30, 0)) @ ahead)[1] < -0.4  # up
    across = rotation_of(Pose(0, 0, 30)) @ np.array([1.0, 0.0, 0.0])
    assert across[1] > 0.4  # clockwise: what was at the right goes down


def test_the_mean_face_is_symmetric_with_the_nose_before_the_eyes() -> None:
    mirrored = MEAN_RIGID * (-1, 1, 1)
    distances = np.linalg.norm(mirrored[:, None] - MEAN_RIGID, axis=-1).min(1)
    assert distances.max() < 1e-9
    nose, eye, forehead = (MEAN_RIGID[np.flatnonzero(point == RIGID)[0]] for point in (4, 33, 10))
    assert nose[2] < eye[2]
    assert forehead[1] < eye[1] < nose[1]


def test_an_open_mouth_changes_nothing() -> None:
    face = posed_face(Pose(20, 5, -8))
    points = face.points.copy()
    points[[0, 13, 14, 17, 152, 61, 291]] += (0, 30, 0)
    close(head_pose(replace(face, points=points)), Pose(20, 5, -8))


def test_faces_without_depth_have_no_pose() -> None:
    assert head_pose(Face(np.zeros(4), np.zeros((6, 2)), 1.0, "blazeface")) is None
