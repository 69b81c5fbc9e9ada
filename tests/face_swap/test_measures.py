"""The measures of a swap against inputs whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab

from imagewright.face_swap.measures import detail, flicker, outside, seam
from imagewright.face_swap.measures.expression import (
    EYE_DISTANCE,
    align_points,
    eye_opening,
    measure_expression,
    mouth_opening,
)
from imagewright.face_swap.measures.identity import measure_identity, people_of
from imagewright.face_swap.measures.jitter import measure_jitter
from imagewright.face_swap.measures.measure import MeasuredValue, recipe_key
from imagewright.face_swap.measures.pose import measure_pose
from imagewright.face_swap.measures.realism import measure_realism
from imagewright.face_swap.optical_flow import FlowMethod, _tv_l1, open_flow, visible, warp_back
from imagewright.faces.landmarks import LEFT_EYE, MEAN_FACE, RIGHT_EYE
from imagewright.pretrained.features.contract import About

FRAMES = 120


def values(found: list[MeasuredValue]) -> dict[str, float]:
    return {each.measure.name: each.value.value for each in found if each.value is not None}


def mean_face() -> np.ndarray:
    """The common points (68, 2) of the mean face; its jaw is made up."""
    jaw = np.stack([np.linspace(-0.1, 1.1, 17), 1.1 - np.linspace(-1, 1, 17) ** 2 / 2], 1)
    return np.concatenate([jaw, MEAN_FACE])


def speaking_face() -> np.ndarray:
    """(T, 68, 2), in pixels: the lower lip goes up and down, the head moves."""
    frames = np.repeat(mean_face()[None], FRAMES, 0)
    frames[:, [65, 66, 67], 1] += 0.05 * (1 + np.sin(np.arange(FRAMES) / 5))[:, None]
    return frames * 200 + np.stack([np.arange(FRAMES), np.zeros(FRAMES)], 1)[:, None]


def test_a_face_against_itself_moves_alike() -> None:
    points = speaking_face()
    aligned = np.stack([align_points(each) for each in points])
    found = values(measure_expression(aligned, aligned))
    assert found["expression/error"] == found["mouth/error"] == 0
    assert found["mouth/correlation"] == pytest.approx(1)
    assert measure_jitter(points, points, np.zeros(FRAMES)).value.value == pytest.approx(1)  # type: ignore[union-attr]


def test_size_place_and_turn_in_the_picture_do_not_change_an_expression() -> None:
    points = speaking_face()
    turn = np.array([[0.0, -1.5], [1.5, 0.0]])
    aligned, moved = (np.stack([align_points(each) for each in every]) for every in (points, points @ turn.T + 40))
    assert values(measure_expression(moved, aligned))["expression/error"] == pytest.approx(0, abs=1e-6)


def test_openings_are_distances_between_lips_and_lids() -> None:
    face = mean_face()
    wider = face.copy()
    wider[[65, 66, 67], 1] += 0.1
    gap = np.linalg.norm(face[[61, 62, 63]] - face[[67, 66, 65]], axis=1).mean()
    assert mouth_opening(face) == pytest.approx(100 * gap / EYE_DISTANCE)
    assert mouth_opening(wider) - mouth_opening(face) == pytest.approx(100 * 0.1 / EYE_DISTANCE, rel=0.02)
    assert eye_opening(wider) == eye_opening(face) > 5


def test_a_mouth_that_moves_the_other_way_has_a_correlation_of_minus_one() -> None:
    points = speaking_face()
    aligned = np.stack([align_points(each) for each in points])
    other = aligned.copy()
    gaps = aligned[:, [65, 66, 67], 1]
    other[:, [65, 66, 67], 1] = gaps.max() + gaps.min() - gaps
    assert values(measure_expression(other, aligned))["mouth/correlation"] < -0.99


def test_a_still_mouth_has_no_correlation() -> None:
    aligned = np.repeat(mean_face()[None], FRAMES, 0)
    found = {each.measure.name: each for each in measure_expression(aligned, aligned)}
    assert found["mouth/correlation"].value is None
    assert "too little" in found["mouth/correlation"].note


def test_shake_that_is_added_raises_the_ratio_by_its_size() -> None:
    random = np.random.default_rng(0)
    points = np.repeat(mean_face()[None] * 200, FRAMES, 0)
    shaken = [points + random.normal(0, sigma, points.shape) for sigma in (0.5, 1.5)]
    found = measure_jitter(shaken[1], shaken[0], np.zeros(FRAMES))
    assert found.value is not None
    assert found.value.value == pytest.approx(3, rel=0.05)
    assert found.value.low is not None
    assert found.value.low < 3 < found.value.high  # type: ignore[operator]
    assert found.met is False


def test_even_motion_is_no_shake_and_a_cut_is_left_out() -> None:
    random = np.random.default_rng(1)
    points = np.repeat(mean_face()[None] * 200, FRAMES, 0) + random.normal(0, 0.5, (FRAMES, 68, 2))
    moving = points + np.arange(FRAMES)[:, None, None] * 3
    assert measure_jitter(moving, points, np.zeros(FRAMES)).value.value == pytest.approx(1)  # type: ignore[union-attr]
    cut = points.copy()
    cut[60:] += 100
    shots = np.arange(FRAMES) >= 60
    assert measure_jitter(cut, points, shots).value.value == pytest.approx(1)  # type: ignore[union-attr]
    assert measure_jitter(cut, points, np.zeros(FRAMES)).value.value > 2  # type: ignore[union-attr]
    assert measure_jitter(points[:2], points[:2], np.zeros(2)).value is None


def test_pose_errors_are_the_differences_of_angles() -> None:
    original = np.zeros((FRAMES, 3))
    found = values(measure_pose(original + np.array([3.0, -4.0, 0.0]), original))
    assert found == pytest.approx({"pose/error": 5, "pose/yaw": 3, "pose/pitch": 4, "pose/roll": 0})
    turned = values(measure_pose(original + np.array([0, 0, 179.0]), original - np.array([0, 0, 179.0])))
    assert turned["pose/roll"] == pytest.approx(2)


def test_faces_are_nearer_the_person_that_they_are_of() -> None:
    random = np.random.default_rng(2)
    people = [random.normal(0, 0.05, (1, 128)) + random.normal(0, 0.01, (200, 128)) for _ in range(2)]
    swapped = np.concatenate([people[0][:75], people[1][:25]])  # a quarter of the frames is cut from the other clip
    found = values(measure_identity(swapped, people[0][100:], people[1][100:], {}))
    assert found["identity/nearer_source"] == found["identity/retrieval"] == 0.75
    distance = np.linalg.norm(people[0][0] - people[0][100:], axis=1).mean()
    alone = values(measure_identity(people[0][:1], people[0][100:], None, {}))
    assert alone == pytest.approx({"identity/to_source": distance})


def test_an_original_of_several_people_is_compared_face_by_face() -> None:
    people = np.random.default_rng(6).normal(0, 0.1, (8, 128))
    found = values(measure_identity(people, None, people_of(people), {}))
    assert found["identity/to_target"] == 0
    one = people[:1] + np.random.default_rng(7).normal(0, 0.01, (8, 128))
    assert people_of(one).shape == (8, 128)


def textured(shift: int = 0) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(3).random((128, 160)), 2)
    noise = 255 * (noise - noise.min()) / (noise.max() - noise.min())
    return np.repeat(np.round(noise[:, 16 + shift : 144 + shift, None]), 3, 2).astype(np.uint8)


MASK = np.zeros((128, 128), bool)
MASK[24:104, 24:104] = True


@pytest.mark.parametrize("flow", [open_flow(), FlowMethod("TV-L1", _tv_l1)], ids=["installed", "without OpenCV"])
def test_flicker_is_what_motion_does_not_explain(flow: FlowMethod) -> None:
    before, after = textured(), textured(2)
    same = flicker.warping_errors((before, after), (before, after), MASK, flow)
    assert same is not None
    assert same[0] == same[1] < 2  # without the flow it is ten times this
    assert np.abs(before.astype(float) - after)[MASK].mean() > 10 * same[0]
    brighter = np.clip(after.astype(int) + 20, 0, 255).astype(np.uint8)
    flickering = flicker.warping_errors((before, brighter), (before, after), MASK, flow)
    assert flickering is not None
    assert flickering[1] == same[1]
    assert flickering[0] == pytest.approx(20, abs=1)
    found = flicker.measure_flicker(np.array([same, flickering]), flow)
    assert found.value is not None
    assert found.value.value == pytest.approx((same[0] + flickering[0]) / (2 * same[1]))
    assert found.recipe()["settings"]["method"] == flow.name


def test_what_is_occluded_is_not_seen_again() -> None:
    forward = np.zeros((8, 8, 2))
    backward = np.zeros((8, 8, 2))
    forward[:, 3] = (2, 0)  # goes to where the flow back does not come from
    seen = visible(forward, backward)
    assert not seen[:, 3].any()
    assert seen[:, 4:].all()
    moved = warp_back(np.tile(np.arange(8.0), (8, 1)), np.full((8, 8, 2), (1.0, 0.0)))
    np.testing.assert_allclose(moved[:, :7], np.tile(np.arange(1.0, 8), (8, 1)))


def test_a_blurred_face_has_less_detail() -> None:
    face = textured()
    blurred = np.round(gaussian_filter(face.astype(float), (3, 3, 0))).astype(np.uint8)
    halved = np.round(face / 2 + 60).astype(np.uint8)
    contrasts = [detail.feature_contrast(each) for each in (face, blurred, halved)]
    assert contrasts[1] < 0.5 * contrasts[0]
    assert contrasts[2] == pytest.approx(contrasts[0] / 2, rel=0.02)
    found = detail.measure_detail(np.array([[contrasts[2], contrasts[0]]] * 3))
    assert found.value is not None
    assert found.value.value == pytest.approx(0.5, rel=0.02)
    assert "blurred" in found.note


def test_change_outside_is_counted_in_grey_levels() -> None:
    picture = textured()
    changed = picture.copy()
    changed[MASK] = 0
    assert outside.change_outside(changed, picture, MASK) == (0, 0)
    noisy = picture // 2 + np.uint8(20)
    other = noisy.copy()
    other[:12] += np.uint8(10)
    share = 12 * 128 / (~MASK).sum()
    assert outside.change_outside(other, noisy, MASK) == pytest.approx((10 * share, share))
    assert outside.change_outside(other, noisy, np.ones_like(MASK)) is None


def test_a_pasted_square_of_another_colour_is_a_step() -> None:
    frame = np.full((200, 200, 3), 120, np.uint8)
    hull = np.zeros((200, 200), np.float32)
    hull[60:140, 60:140] = 1
    pasted = frame.copy()
    pasted[50:150, 50:150] = (150, 120, 110)
    mask = seam.pasted_mask(pasted, frame, hull, 0.0)
    assert mask.sum() == pytest.approx(100**2, rel=0.06)  # what was pasted, and not the hull
    steps = seam.edge_steps(pasted, frame, mask)
    assert steps is not None
    assert steps[0] > 5
    lab = rgb2lab(np.array([[(150, 120, 110)], [(120, 120, 120)]], np.uint8))
    exact = np.zeros((200, 200), np.float32)
    exact[50:150, 50:150] = 1
    change = np.linalg.norm(lab[0] - lab[1])
    assert seam.colour_change(pasted, frame, exact) == pytest.approx(change, rel=1e-4)
    assert 0.7 * change < steps[2] < change  # what changed is seen a pixel wider
    assert seam.edge_steps(frame, frame, seam.pasted_mask(frame, frame, hull, 0.0)) == (0, 0, 0)
    found = values(seam.measure_seam(np.array([steps])))
    assert found["seam/colour_step"] == steps[0]


def test_real_faces_of_the_source_are_at_no_distance() -> None:
    random = np.random.default_rng(4)
    about = About("random", "0", 4, None, "none", 3, "0 to 255", "none")
    source, target = random.normal(0, 1, (400, 4)), random.normal(3, 1, (400, 4))
    found = measure_realism(source, target, source, about)
    assert found.value is not None
    assert found.value.value == pytest.approx(0, abs=1e-6)
    assert "footage's own faces: 3" in found.note
    assert measure_realism(source[:2], target[:2], source, about).value is None


def test_the_key_of_a_recipe_changes_with_every_number_and_with_nothing_else() -> None:
    random = np.random.default_rng(5)
    points = random.normal(0, 1, (8, 68, 2)) + mean_face() * 100
    one, other = measure_jitter(points, points, np.zeros(8)), measure_jitter(points, points + 1, np.zeros(8))
    assert recipe_key(one.recipe()) == recipe_key(other.recipe()) == one.to_dict()["key"]
    with_setting = MeasuredValue(one.measure, one.value, {"resized_from": [10, 10]})
    assert recipe_key(with_setting.recipe()) != recipe_key(one.recipe())
    names = {"17-67", "sqrt(6)"}
    assert all(any(name in str(value) for value in one.recipe()["settings"].values()) for name in names)
    assert np.linalg.norm(mean_face()[RIGHT_EYE].mean(0) - mean_face()[LEFT_EYE].mean(0)) == pytest.approx(EYE_DISTANCE)
