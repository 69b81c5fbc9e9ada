"""The doctor's rules about face swaps on written reports, and its figures of a model that swaps colours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from face_weights import use_face_weights
from PIL import Image
from skimage.data import astronaut
from torch import Tensor

import imagewright as iw
from imagewright.faces.crops import SQUARES, crop_square, cut_square, identity_square
from imagewright.images import Images
from imagewright.metrics.models.face_swap import typical_square
from imagewright.training.doctor.findings import diagnose
from imagewright.training.doctor.likeness import LikenessExaminer, missing_poses

PLAN = {"images_seen": 12_000, "batch_size": 10, "learning_rate": 1e-3}
HEALTHY = {
    "swap/to_source": 0.4, "swap/to_target": 0.8, "swap/nearer_source": 1.0,
    "swap/mask_area": 0.95, "swap/mask_overlap": 0.9, "swap/poses_missing": 0.0,
}  # fmt: skip


def find(reports: int = 12, **figures: Any) -> dict[str, str]:
    """Findings if all reports have the healthy figures but these; `_` in a name is `/`."""
    health = HEALTHY | {f"swap/{name}": value for name, value in figures.items()}
    lines = [
        {"images_seen": 1000 * k, "losses": {}, "learning_rates": {}, "health": health} for k in range(1, reports + 1)
    ]
    config = {"architecture": "liae", "mask": 10.0}
    return {finding.name: str(finding) for finding in diagnose(lines, {"config": config, "plan": PLAN})}


def test_a_healthy_swap_has_no_finding() -> None:
    assert find() == {}


def test_a_swap_that_stays_nearer_the_target_is_found_after_a_third_of_the_training() -> None:
    copies = {"to_source": 0.8, "to_target": 0.5}
    found = find(**copies)["swap copies the target"]
    assert "0.50" in found
    assert "--architecture df" in found
    assert find(reports=3, **copies) == {}
    assert "Train on" in find(reports=6, **copies)["swap copies the target"]


@pytest.mark.parametrize("area", [0.4, 1.8])
def test_a_mask_of_another_size_than_the_face_is_found(area: float) -> None:
    found = find(mask_area=area)["mask eats the face"]
    assert f"{area:.2f}" in found
    assert "--mask 40" in found


def test_poses_that_the_source_lacks_are_named_at_once() -> None:
    figures = {"poses_missing": 0.3, "missing/yaw above 40, pitch -12 to 12": 0.25, "missing/yaw below -40": 0.05}
    found = find(reports=1, **figures)["source lacks poses"]
    assert "30%" in found
    assert found.index("yaw above 40") < found.index("yaw below -40")
    assert "source lacks poses" not in find(poses_missing=0.04)


def images_of(pictures: np.ndarray, labels: list[int] | None = None, names: tuple[str, ...] = ()) -> Images:
    opened = iw.open_images(pictures)
    return opened if labels is None else opened.with_labels(np.array(labels), names)


def test_a_pose_is_missing_if_the_source_has_no_class_of_it() -> None:
    pictures = np.zeros((4, 8, 8, 3), np.uint8)
    target = images_of(pictures, [0, 0, 1, 1], ("front", "left"))
    both = images_of(pictures, [0, 0, 1, 1], ("left", "front"))
    front = images_of(pictures, [0] * 4, ("front",))
    assert missing_poses(both, target) == {"swap/poses_missing": 0}
    assert missing_poses(front, target) == {"swap/poses_missing": 0.5, "swap/missing/left": 0.5}
    assert missing_poses(images_of(pictures), target) == {}


class Copies(torch.nn.Module):
    """A swap that leaves faces as they are, with a mask over the upper half."""

    config = SimpleNamespace(crop="whole")

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def swap(self, images: Tensor, to: int = 0) -> tuple[Tensor, Tensor]:
        mask = torch.zeros_like(images[:, :1])
        mask[..., : images.shape[2] // 2, :] = 1
        return images, mask


def test_the_typical_square_is_that_of_a_face_from_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    use_face_weights(monkeypatch)
    from imagewright.pretrained.faces.finder import NetworkFinder

    (face, *_) = NetworkFinder(small=False).find(astronaut())
    for crop in SQUARES:
        square = crop_square(face, crop)
        expected = np.linalg.inv(square[:, :2]) @ (identity_square(face) - np.array([[0, 0, 1]]) * square[:, 2:])
        np.testing.assert_allclose(typical_square(crop), expected, atol=0.12)


def test_a_swap_that_changes_nothing_is_as_far_from_the_source_as_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    use_face_weights(monkeypatch)
    from imagewright.pretrained.faces.finder import NetworkFinder

    (face, *_) = NetworkFinder(small=False).find(astronaut())
    target = cut_square(astronaut(), crop_square(face, "whole"), 64)
    source = np.asarray(Image.fromarray(np.ascontiguousarray(target[:, ::-1, ::-1])).rotate(3))  # a blue face
    sources = {name: images_of(np.stack([each] * 4)) for name, each in (("a", source), ("b", target))}
    examiner = LikenessExaminer(Copies(), sources)  # type: ignore[arg-type]
    figures = examiner.measure()
    assert figures["swap/to_target"] < 0.05
    assert figures["swap/to_source"] == pytest.approx(figures["swap/between"])
    assert figures["swap/nearer_source"] == 0
    assert figures["swap/detail"] == pytest.approx(1)
    assert "swap/mask_area" not in figures  # these pictures have no parts
    monkeypatch.setattr(type(examiner), "identifies", property(lambda self: False))
    assert examiner.measure() == {}
