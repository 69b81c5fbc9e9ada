"""Faces found twice, faces of turned pictures, and the cascade."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.data import astronaut

from imagewright.faces.cascade import CascadeFinder
from imagewright.faces.detections import Face, merge_overlapping, suppress_overlapping


def face(*box: float, score: float = 1.0) -> Face:
    corners = np.array(box, float)
    return Face(corners, corners.reshape(2, 2), score, "cascade")


def test_of_overlapping_faces_the_likeliest_is_kept_and_the_largest_comes_first() -> None:
    near, same, far = face(0, 0, 10, 10, score=0.7), face(1, 1, 11, 11, score=0.9), face(50, 0, 90, 40, score=0.6)
    assert [each.score for each in suppress_overlapping([near, same, far])] == [0.6, 0.9]
    assert suppress_overlapping([]) == []


def test_overlapping_boxes_are_averaged_by_score() -> None:
    boxes = np.array([(0, 0, 10, 10), (2, 0, 12, 10), (40, 40, 50, 50)], float)
    found = merge_overlapping(boxes, boxes.reshape(3, 2, 2), np.array([0.6, 0.2, 0.9]))
    assert [each[2] for each in found] == [0.9, 0.6]
    np.testing.assert_allclose(found[1][0], (0.5, 0, 10.5, 10))
    np.testing.assert_allclose(found[1][1], [(0.5, 0), (10.5, 10)])


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_face_of_a_turned_picture_is_where_it_was(quarters: int) -> None:
    picture = np.zeros((30, 50), int)
    picture[4, 7] = 1  # the centre of its pixel is (7.5, 4.5)
    row, column = np.argwhere(np.rot90(picture, -quarters))[0]
    found = face(column, row, column + 1, row + 1).unturned(quarters, 30, 50)
    np.testing.assert_array_equal(found.box, (7, 4, 8, 5))


def test_the_cascade_finds_an_upright_face_and_says_what_is_lost() -> None:
    finder = CascadeFinder()
    found = finder.find(astronaut())
    assert any(np.abs(each.box - (177, 63, 275, 161)).max() < 15 for each in found)
    assert "imagewright weights get faces" in finder.notes[0]
    assert finder.find(np.zeros((12, 300, 3), np.uint8)) == []
