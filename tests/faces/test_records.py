"""Records of faces: what is written is read again, and what is damaged is one sentence."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from face_shapes import posed_face

from imagewright.errors import DataError
from imagewright.faces.crops import crop_square
from imagewright.faces.detections import Face
from imagewright.faces.landmarks import OVAL
from imagewright.faces.pose import Pose
from imagewright.faces.records import FaceRecord, make_face_record
from imagewright.faces.similarity import apply_affine


def record(face: Face | None = None, **others: Any) -> FaceRecord:
    face = face or posed_face(Pose(20, -5, 3))
    facts = {"file": "a_0.png", "picture": "a.jpg", "crop": "whole", "size": 64, "sharpness": 0.2}
    identity = np.random.default_rng(0).normal(size=128) / 10
    return make_face_record(face, **(facts | {"square": crop_square(face, "whole"), "identity": identity} | others))


def test_a_record_is_read_as_it_was_written() -> None:
    made = record(frame=7, time=0.28, track=3)
    read = FaceRecord.from_json(json.loads(json.dumps(made.to_json())))
    assert read.to_json() == made.to_json()
    assert (read.frame, read.time, read.track, read.crop, read.size) == (7, 0.28, 3, "whole", 64)
    assert read.pose is not None
    assert read.pose.yaw == pytest.approx(20, abs=0.01)
    assert read.points is not None
    assert read.identity is not None
    np.testing.assert_allclose(read.points, made.points, atol=0.006)
    np.testing.assert_allclose(read.identity, made.identity, atol=6e-5)
    assert read.side == pytest.approx(made.side, abs=0.02)


def test_points_in_the_crop_are_where_the_square_puts_them() -> None:
    made = record()
    points, oval = made.points_in_crop(), made.oval_in_crop()
    assert points is not None
    assert oval is not None
    assert points.shape == (68, 2)
    np.testing.assert_allclose(apply_affine(made.square, points), made.points, atol=1e-9)
    np.testing.assert_allclose(apply_affine(made.square, oval), posed_face(Pose(20, -5, 3)).points[OVAL, :2], atol=1e-9)
    eyes = points[36:48].mean(0)
    assert 0.3 < eyes[0] < 0.7
    assert 0.3 < eyes[1] < 0.5


def test_a_face_without_mesh_has_neither_points_nor_pose() -> None:
    five = np.array([(30, 37), (70, 37), (50, 57), (34, 75), (66, 75)], float)
    made = record(Face(np.array([0, 0, 99, 99.0]), five, 1.0, "cascade"), identity=None)
    read = FaceRecord.from_json(made.to_json())
    assert read.points is read.oval is read.pose is read.identity is None
    assert read.points_in_crop() is read.oval_in_crop() is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("points", [[1, 2]], "68x2 numbers"),
        ("points", "no", "68x2 numbers"),
        ("square", [[0, 0, 0], [0, 0, 0]], "no area"),
        ("square", [[1, 0, float("nan")], [0, 1, 0]], "2x3 numbers"),
        ("square", [[1, 0, 10**300], [0, 1, 0]], "2x3 numbers"),
        ("crop", "wholes", "one of face, whole"),
        ("track", -1, "whole number from 0"),
        ("track", True, "whole number"),
        ("size", 0, "whole number from 1"),
        ("size", 10**9, "whole number from 1 to 4096"),
        ("frame", 1.5, "whole number"),
        ("pose", {"yaw": 1, "pitch": 2}, "yaw, pitch and roll"),
        ("pose", [1, 2, 3], "yaw, pitch and roll"),
        ("sharpness", None, "a number"),
        ("identity", [0.1] * 127, "128 numbers"),
        ("file", 3, "text"),
    ],
)
def test_damaged_values_are_named(name: str, value: Any, said: str) -> None:
    with pytest.raises(DataError, match=rf"(?s){name}.*{said}"):
        FaceRecord.from_json(record().to_json() | {name: value})


def test_missing_values_are_named() -> None:
    values = record().to_json()
    del values["square"], values["pose"]
    with pytest.raises(DataError, match="has no 'square', 'pose'"):
        FaceRecord.from_json(values)
    for wrong in (None, [], "text"):
        with pytest.raises(DataError, match="no JSON object"):
            FaceRecord.from_json(wrong)
