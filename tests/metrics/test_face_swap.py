"""The metric `face_swap`, and `evaluate` of a run that swaps faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from face_weights import use_face_weights
from PIL import Image
from skimage.data import astronaut
from torch import Tensor

import imagewright as iw
from imagewright.catalogue import model_class
from imagewright.errors import DataError
from imagewright.faces.crops import crop_square, cut_square
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.models.face_swap import METRIC
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pretrained.faces.finder import NetworkFinder


class Keeps(torch.nn.Module):
    """A swap that leaves faces as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def swap(self, images: Tensor, to: int = 0) -> tuple[Tensor, Tensor]:
        return images, torch.ones_like(images[:, :1])


def face(side: int = 64) -> np.ndarray:
    (found, *_) = NetworkFinder(small=False).find(astronaut())
    return cut_square(astronaut(), crop_square(found, "whole"), side)


def as_sample(pictures: np.ndarray, model: object = None) -> Sample:
    return Sample("faces", OpenedPictures(iw.open_images(pictures)), model=model)  # type: ignore[arg-type]


def test_a_swap_that_keeps_the_target_is_at_no_distance_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    use_face_weights(monkeypatch)
    target = np.stack([face()] * 3)
    source = np.ascontiguousarray(target[..., ::-1])  # with blue skin
    context = MetricContext({"pictures": 2}, 0, as_sample(source))
    found = METRIC.compute(as_sample(target, Keeps()), as_sample(target), context)
    assert found["swap_to_target"].value < 0.05
    assert found["swap_to_source"].value > found["swap_to_target"].value
    assert found["swap_nearer_source"].value == found["swap_retrieval"].value == 0
    assert found["swap_pose_error"].value < 1
    assert found["swap_detail"].value == pytest.approx(1)
    assert set(found) == {output.name for output in METRIC.outputs}


def test_a_model_that_swaps_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_face_weights(monkeypatch)
    pictures = np.random.default_rng(0).integers(0, 255, (12, 8, 8, 3), np.uint8)
    run = iw.train("pca", iw.open_images(pictures), tmp_path / "pca")
    with pytest.raises(DataError, match="swaps no faces"):
        iw.evaluate(run, against=pictures, training=pictures, metrics="face_swap")


@pytest.mark.learning
def test_a_swap_run_is_evaluated_by_whose_face_it_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_face_weights(monkeypatch)
    picture = astronaut()[:220, 120:340]
    for name, person in (("a", picture), ("b", np.ascontiguousarray(picture[:, ::-1, ::-1]))):
        (tmp_path / name).mkdir()
        for number in range(10):
            Image.fromarray(np.roll(person, number, 1)).save(tmp_path / name / f"{number}.png")
        iw.extract_faces(tmp_path / name, tmp_path / f"faces-{name}", size=64)
    sources = {name: str(tmp_path / f"faces-{name}") for name in ("a", "b")}
    run = iw.train(
        "swap", sources, tmp_path / "run", size=32, images_seen=16, batch_size=8, consent="self", precision="fp32",
        **model_class("swap").Config.tiny_options,
    )  # fmt: skip
    report = run.metrics()[-1]
    assert report["health"]["swap/within_source"] < report["health"]["swap/to_source"]
    assert report["derived_metrics"]["likeness/distance to the source"] == report["health"]["swap/to_source"]
    assert 0 <= report["health"]["swap/mask_overlap"] <= 1
    assert "likeness" in (run.path / "report.html").read_text()
    first, last = sorted((run.path / "samples").glob("*.png"))
    with Image.open(first) as before, Image.open(last) as after:
        assert after.height > before.height  # the distances are its title
    found = iw.evaluate(run)
    assert {score.metric for score in found.scores} == {"face_swap"}
    assert "faces-b" in " ".join(found.notes)
    assert found.scores[0].recipe["training"]["count"] == found.scores[0].recipe["reference"]["count"] == 10
    assert "swap_to_source" in (run.path / "scores.json").read_text()
