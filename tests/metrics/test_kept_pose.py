"""The poses of drawn heads, found again in pixels, and the metric `kept_pose` of what a swap does to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import imagewright as iw
from imagewright.errors import DataError
from imagewright.faces.drawn.heads import ANNA, BERT, CartoonPerson, Expression, draw_head
from imagewright.faces.pose import Pose
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.models.kept_pose import METRIC
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pixels import to_float
from imagewright.shape_files.people import PosedHead, cut_face, draw_face

SIDE = 48
YAWS = (-35, -20, -5, 10, 25)


def crops(person: CartoonPerson, yaws: Sequence[float], opening: float = 0.2) -> np.ndarray:
    """Crops of a head turned to each yaw, uint8 (N, S, S, 3)."""
    made = []
    expression = Expression(opening, 0.3, 0.8, 0.2)
    for yaw in yaws:
        pose, centre, side = Pose(yaw, 6.0, -8.0), (50.0, 47.0), 0.52 * SIDE
        picture = draw_head(person, pose, expression, size=2 * SIDE, centre=centre, side=side, ground=(170, 185, 175))
        made.append(cut_face(PosedHead(picture, pose, expression, centre, side), SIDE))
    return np.stack(made)


class Swaps(torch.nn.Module):
    """A swap that draws given faces as the source (0), and leaves faces as they are to rebuild the target (1)."""

    def __init__(self, faces: np.ndarray | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.faces = faces

    def swap(self, images: Tensor, to: int = 0) -> tuple[Tensor, Tensor]:
        if to == 0 and self.faces is not None:
            images = to_float(torch.from_numpy(self.faces).permute(0, 3, 1, 2))
        return images, torch.ones_like(images[:, :1])


def as_sample(pictures: np.ndarray, model: object = None) -> Sample:
    return Sample("faces", OpenedPictures(iw.open_images(pictures)), model=model)  # type: ignore[arg-type]


def kept(faces: np.ndarray | None = None) -> dict[str, float]:
    """What a swap of Bert's faces keeps that draws these."""
    frames = crops(BERT, YAWS)
    context = MetricContext({"pictures": 50}, 0, as_sample(crops(ANNA, (0, 15))))
    found = METRIC.compute(as_sample(frames, Swaps(faces)), as_sample(frames), context)
    return {name: value.value for name, value in found.items()}


@pytest.mark.parametrize("person", [ANNA, BERT])
def test_poses_of_the_set_are_found_again_in_pixels(person: CartoonPerson) -> None:
    drawn = [draw_face(person, number, SIDE, 3) for number in range(25)]
    found = iw.measure_heads(np.stack([cut_face(each, SIDE) for each in drawn]))
    assert found.found.all()
    assert (found.person == (ANNA, BERT).index(person)).all()
    known = np.array([(each.pose.yaw, each.pose.pitch, 0) for each in drawn])  # crops are upright
    apart = found.poses - known
    assert np.linalg.norm(apart, axis=1).mean() < 2
    assert np.abs(apart).max() < 5
    assert np.abs(apart.mean(0)).max() < 1
    openings = np.array([each.expression.opening for each in drawn])
    assert np.corrcoef(found.opening, openings)[0, 1] > 0.6


def test_a_head_that_is_moved_and_turned_in_its_crop_is_measured_so() -> None:
    before = crops(ANNA, (10,))
    after = np.roll(before, 3, 2)
    one, other = iw.measure_heads(before), iw.measure_heads(after)
    assert other.x - one.x == pytest.approx(3 / SIDE, abs=0.006)
    assert other.y - one.y == pytest.approx(0, abs=0.006)
    assert np.abs(other.poses - one.poses).max() < 3
    clockwise = Image.fromarray(before[0]).rotate(-10, Image.Resampling.BICUBIC, fillcolor=(170, 185, 175))
    turned = iw.measure_heads(np.asarray(clockwise)[None])
    np.testing.assert_allclose(turned.poses - one.poses, [(0, 0, 10)], atol=2)


def test_no_head_is_found_in_other_pictures() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE, 3), np.uint8)
    found = iw.measure_heads(np.concatenate([noise, np.full_like(noise, 200)]))
    assert not found.found.any()
    assert np.isnan(found.poses).all()
    assert (found.person == -1).all()


def test_a_swap_that_changes_nothing_keeps_the_pose_and_the_person() -> None:
    found = kept()
    assert set(found) == {output.name for output in METRIC.outputs}
    assert found["kept_pose"] == found["kept_pose_rebuilt"] == found["kept_head_place"] == found["kept_mouth"] == 0
    assert found["kept_head"] == 1
    assert found["kept_pose_source"] == 0
    assert found["kept_pose_random"] > 15


def test_the_other_person_in_the_same_poses_is_a_perfect_swap() -> None:
    found = kept(crops(ANNA, YAWS))
    assert found["kept_pose_source"] == found["kept_head"] == 1
    assert found["kept_pose"] < 2.5
    assert found["kept_head_place"] < 0.02
    assert found["kept_mouth"] < 0.25


def test_a_swap_turned_by_some_degrees_has_that_error() -> None:
    found = kept(crops(ANNA, np.add(YAWS, 12)))
    assert found["kept_pose"] == pytest.approx(12, abs=2)
    assert found["kept_pose_rebuilt"] == 0


def test_what_shows_no_drawn_heads_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (4, SIDE, SIDE, 3), np.uint8)
    heads = crops(ANNA, (0, 15))
    for frames, people, option in ((noise, heads, "--against"), (heads, noise, "--training")):
        with pytest.raises(DataError, match=rf"show none.*{option}"):
            METRIC.compute(
                as_sample(frames, Swaps()), as_sample(frames), MetricContext({"pictures": 4}, 0, as_sample(people))
            )
    with pytest.raises(DataError, match="swaps no faces"):
        METRIC.compute(as_sample(heads), as_sample(heads), MetricContext({"pictures": 4}, 0, as_sample(heads)))
