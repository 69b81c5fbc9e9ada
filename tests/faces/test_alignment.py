"""Similarities, squares around faces, and the pixels in them."""

from __future__ import annotations

import numpy as np
import pytest

from imagewright.errors import ConfigError
from imagewright.faces.crops import crop_square, cut_square, ffhq_square, head_shift, share_beyond, unit_square
from imagewright.faces.detections import Face
from imagewright.faces.drawn.heads import MIDDLE, cartoon_face
from imagewright.faces.landmarks import FIRST, MEAN_FACE, MESH_OF_68, five_points
from imagewright.faces.pose import Pose, rotation_of
from imagewright.faces.similarity import apply_affine, fit_similarity, invert_affine, scale_of

TURN = np.array([[30 * np.cos(0.4), -30 * np.sin(0.4), 200], [30 * np.sin(0.4), 30 * np.cos(0.4), 90]])


def mesh_face(place: np.ndarray, slope: float = 0.0) -> Face:
    """The mean face under a similarity, whose depth rises by `slope` across it."""
    points = np.zeros((468, 3))
    points[MESH_OF_68[FIRST:], :2] = apply_affine(place, MEAN_FACE)
    points[MESH_OF_68[FIRST:], 2] = slope * MEAN_FACE[:, 0] * scale_of(place)
    return Face(np.array([0, 0, 9, 9.0]), points, 1.0, "mesh")


def test_a_similarity_is_found_again_and_is_never_a_reflection() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(20, 2))
    np.testing.assert_allclose(fit_similarity(points, apply_affine(TURN, points)), TURN, atol=1e-9)
    np.testing.assert_allclose(apply_affine(invert_affine(TURN), apply_affine(TURN, points)), points, atol=1e-9)
    mirrored = fit_similarity(points, points * (-1, 1))
    assert np.linalg.det(mirrored[:, :2]) > 0


def test_a_similarity_is_the_best_in_least_squares() -> None:
    random = np.random.default_rng(1)
    points, targets = random.normal(size=(2, 12, 2))
    best = fit_similarity(points, targets)
    error = np.square(apply_affine(best, points) - targets).sum()
    for _ in range(50):
        scale, angle = 1 + random.normal(0, 0.01), random.normal(0, 0.01)
        turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
        other = np.concatenate([turn @ best[:, :2], (best[:, 2] + random.normal(0, 0.01, 2))[:, None]], 1)
        assert np.square(apply_affine(other, points) - targets).sum() >= error


@pytest.mark.parametrize(("crop", "side", "middle"), [("face", 1.6, 0.5), ("whole", 2.13, 0.43), ("head", 2.98, 0.3)])
def test_crops_have_their_sizes_around_the_mean_face(crop: str, side: float, middle: float) -> None:
    square = crop_square(mesh_face(TURN), crop)
    assert scale_of(square) == pytest.approx(side * 30)
    np.testing.assert_allclose(
        apply_affine(square, np.array([0.5, 0.5])), apply_affine(TURN, np.array([0.5, middle])), atol=1e-6
    )
    left, right = apply_affine(invert_affine(square), five_points(mesh_face(TURN))[:2])
    assert left[1] == pytest.approx(right[1])  # the eyes are level


def test_a_crop_moves_to_the_side_that_is_nearer_where_the_head_is() -> None:
    assert head_shift(mesh_face(TURN)) == pytest.approx(0, abs=1e-9)
    right, left = head_shift(mesh_face(TURN, 1.0)), head_shift(mesh_face(TURN, -1.0))
    assert right == pytest.approx(-left)
    assert right == pytest.approx(-0.45 * 0.5**0.5, rel=0.05)


@pytest.mark.parametrize("yaw", [-75, -45, -20, 20, 45, 75])
@pytest.mark.parametrize("crop", ["face", "whole", "head"])
def test_the_crop_of_a_turned_head_holds_the_face_and_more_of_the_head(crop: str, yaw: int) -> None:
    """Of a drawn head, whose middle is known: the crop's is nearer to it, and no feature is cut off at a side."""
    pose = Pose(yaw, 0, 0)
    face = cartoon_face(pose, (50, 60), 30)
    square = crop_square(face, crop)
    across = apply_affine(invert_affine(square), face.points[MESH_OF_68[FIRST:], :2])[:, 0]
    assert ((across > 0) & (across < 1)).all()
    middle = 50 + 30 * (rotation_of(pose) @ MIDDLE)[0]
    crop_middle, face_middle = (apply_affine(each, np.array([0.5, 0.5]))[0] for each in (square, unit_square(face)))
    assert abs(crop_middle - middle) < abs(face_middle - middle)
    assert (crop_middle - face_middle) * (middle - face_middle) > 0


def test_the_ffhq_square_is_that_of_the_published_formula() -> None:
    # Level eyes 4 apart, the mouth 5 below: half side max(2 * 4, 1.8 * 5) = 9, centre a tenth of the way down.
    points = np.array([(-2, 0), (2, 0), (0, 3), (-1, 5), (1, 5)], float)
    np.testing.assert_allclose(ffhq_square(points), [(18, 0, -9), (0, 18, -8.5)], atol=1e-9)
    turned = apply_affine(TURN, points)
    np.testing.assert_allclose(
        apply_affine(ffhq_square(turned), np.array([0.5, 0.5])), apply_affine(TURN, np.array([0, 0.5])), atol=1e-9
    )


def test_there_is_no_other_crop() -> None:
    with pytest.raises(ConfigError, match=r"no crop 'hed'.*Did you mean 'head'"):
        crop_square(mesh_face(TURN), "hed")


def ramp(height: int, width: int) -> np.ndarray:
    """Grey levels that are the place: red the column, green the row, at the pixels' centres, times 2."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([2 * columns, 2 * rows, 0 * rows], -1).astype(np.uint8)


@pytest.mark.parametrize("side", [20.0, 40.0, 57.0, 96.0])
def test_a_cut_has_the_pixels_of_its_square(side: float) -> None:
    """Enlarged, at their size, and reduced by a half and by a whole factor."""
    square = np.array([[side * 0.96, -side * 0.28, 30], [side * 0.28, side * 0.96, 5.0]])
    made = cut_square(ramp(127, 127), square, 24).astype(float)
    places = (np.stack(np.meshgrid(np.arange(24), np.arange(24)), -1) + 0.5) / 24
    expected = 2 * (apply_affine(square, places) - 0.5)
    inside = ((expected > 8) & (expected < 240)).all(-1)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(made[inside][:, :2], expected[inside], atol=1.6)


def test_reduction_is_by_area() -> None:
    """A fine pattern becomes its mean, without moire."""
    fine = np.repeat((np.indices((240, 240)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, 2)
    made = cut_square(fine, np.array([[200.0, 0, 20], [0, 200.0, 20]]), 32)
    assert np.abs(made.astype(int) - 127).max() <= 8


def test_beyond_the_picture_there_is_its_reflection_or_black() -> None:
    square = np.array([[80.0, 0, -20], [0, 80.0, -20]])
    bright = np.full((40, 40, 3), 200, np.uint8)
    assert cut_square(bright, square, 40).min() >= 199
    black = cut_square(bright, square, 40, "black")
    assert black[0, 0].tolist() == [0, 0, 0]
    assert black[20, 20].tolist() == [200, 200, 200]
    assert share_beyond(square, 40, 40) == pytest.approx(0.75)
    assert share_beyond(np.array([[30.0, 0, 5], [0, 30.0, 5]]), 40, 40) == 0
