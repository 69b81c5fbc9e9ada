"""LPIPS as a metric: of reconstructions, of pairs, and without weights. Golden values: test_golden_lpips.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from picture_sets import ArrayPictures, Darker, smooth_pictures

from imagewright.errors import DataError
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.pictures import lpips
from imagewright.metrics.pictures.lpips import METRIC, lpips_distance, lpips_diversity
from imagewright.pixels import to_float
from imagewright.pretrained.perceptual import PerceptualDistance


@pytest.fixture(scope="module")
def network() -> PerceptualDistance:
    """Random weights; these tests hold for any weights."""
    torch.manual_seed(0)
    network = PerceptualDistance("squeeze").eval().requires_grad_(False)
    for row in network.linear:
        row.uniform_()
    return network


def measured(steps: int, pictures: np.ndarray) -> dict[str, float]:
    size = (pictures.shape[2], pictures.shape[3])
    sample = Sample("model", ArrayPictures(pictures), model=Darker(size, pictures.shape[1], steps))
    values = METRIC.compute(sample, Sample("reference", ArrayPictures(pictures)), MetricContext(METRIC.options))
    return {name: value.value for name, value in values.items()}


def test_worse_reconstructions_have_a_larger_distance(
    network: PerceptualDistance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lpips, "open_perceptual", lambda trunk: network)
    pictures = 60 + smooth_pictures(20, (32, 32)) // 2
    found = [measured(steps, pictures)["lpips"] for steps in (0, 10, 60)]
    assert found[0] == 0
    assert found == sorted(set(found))
    with torch.no_grad():
        expected = network(to_float(torch.from_numpy(pictures)), to_float(torch.from_numpy(pictures - 10)))
    assert found[1] == pytest.approx(expected.mean().item(), rel=1e-5)


def test_a_pair_is_the_same_in_any_block(network: PerceptualDistance, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (torch.from_numpy(smooth_pictures(9, (32, 32), seed=seed)) for seed in (0, 1))
    whole = lpips_distance(network, first, second)
    monkeypatch.setattr(lpips, "PIXELS_AT_ONCE", 2 * 32 * 32)
    torch.testing.assert_close(lpips_distance(network, first, second), whole, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(lpips_distance(network, to_float(first), to_float(second)), whole, rtol=1e-5, atol=1e-8)


def test_diversity_falls_if_few_pictures_are_repeated(network: PerceptualDistance) -> None:
    many = smooth_pictures(24, (32, 32))
    few = np.concatenate([many[:3]] * 8)
    values = [lpips_diversity(network, ArrayPictures(pictures), pairs=60) for pictures in (many, few)]
    assert values[1].value < 0.8 * values[0].value
    assert lpips_diversity(network, ArrayPictures(few), pairs=60, labels=np.arange(24) % 3).value == 0


def test_missing_weights_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"vgg.*put vgg\.pth"):
        measured(1, smooth_pictures(2, (32, 32)))
