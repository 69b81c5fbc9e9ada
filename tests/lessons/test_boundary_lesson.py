"""The lesson on boundaries: the Bayes error of its data, its figures, and its numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from PIL import Image

import imagewright as iw
from imagewright.lessons.boundary import lesson as boundary
from imagewright.lessons.boundary.data import equal_covariances, with_far_group


def test_the_bayes_error_of_two_gaussians_of_equal_covariance_is_the_closed_form() -> None:
    data = equal_covariances()
    (one,), (other,) = data.classes
    apart = np.subtract(other.centre, one.centre)
    distance = np.sqrt(apart @ np.linalg.solve(np.array(one.covariance), apart))
    assert data.least_error(100_000, 0) == pytest.approx(scipy.stats.norm.cdf(-distance / 2), abs=0.004)


def test_labels_alternate_and_equal_seeds_give_equal_points() -> None:
    data = equal_covariances()
    _, labels = data.sample(7, 3)
    assert labels.tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert torch.equal(data.sample(40, 3)[0], data.sample(40, 3)[0])


def test_a_far_group_misleads_only_the_generative_classifier() -> None:
    data = with_far_group(7.0)
    errors = {
        title: boundary.measure_error(boundary.fit_titled(title, data, 500, 0), data)
        for title in ("linear GDA", "logistic regression")
    }
    least = data.least_error(boundary.TEST_POINTS, boundary.TEST_SEED)
    assert errors["logistic regression"] < least + 0.01
    assert errors["linear GDA"] > errors["logistic regression"] + 0.01


@pytest.mark.learning
def test_the_lesson_writes_its_figures_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary, "COUNTS", (6, 60))
    monkeypatch.setattr(boundary, "FRAMES", 2)
    calls: list[tuple[int, int]] = []
    found = iw.lesson(
        "boundary", tmp_path / "out", points=30, repeats=2, progress=lambda done, total: calls.append((done, total))
    )
    names = {"boundaries.png", "training_points.png", "arriving.webp", "moving.webp", "numbers.json"}
    assert {path.name for path in found.paths} == names
    with Image.open(tmp_path / "out" / "moving.webp") as moving:
        assert moving.n_frames >= 2
    stored = json.loads((tmp_path / "out" / "numbers.json").read_text())
    assert stored["counts"] == [6, 60]
    for name, own in stored["errors"].items():
        for each in own.values():
            assert 0 <= each["mean"][-1] <= each["mean"][0] + 0.05
            assert each["mean"][-1] >= stored["least_errors"][name] - 0.02
    assert len(found.lines()) == 2
    assert calls[-1][0] <= calls[-1][1]
