"""Feature spaces: blurring as matrices, and features that are kept or computed anew in each pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

import imagewright as iw
from imagewright.analysis import feature_tables
from imagewright.analysis.feature_tables import FeatureTable
from imagewright.analysis.spaces import EdgeFeatures, NetworkFeatures, PixelFeatures, blur_and_average
from imagewright.pretrained.features.contract import open_network
from imagewright.progress import ProgressCounter


def convolved(pixels: torch.Tensor, sigma: float, cell: int) -> torch.Tensor:
    """The same by two convolutions and pooling."""
    reach = max(1, round(3 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    channels = pixels.shape[1]
    padded = functional.pad(pixels, (reach,) * 4, mode="replicate")
    for shape in ((1, 1, 1, -1), (1, 1, -1, 1)):
        padded = functional.conv2d(
            padded, kernel.view(shape).expand(channels, *kernel.view(shape).shape[1:]), groups=channels
        )
    return functional.avg_pool2d(padded, cell, ceil_mode=True)


@pytest.mark.parametrize("size", [(28, 28), (17, 30), (5, 3), (1, 9)])
@pytest.mark.parametrize(("sigma", "cell"), [(1.0, 2), (0.7, 1), (2.0, 4)])
def test_blurring_by_matrices_is_blurring_by_convolutions(size: tuple[int, int], sigma: float, cell: int) -> None:
    pixels = torch.rand(3, 2, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(blur_and_average(pixels, sigma, cell), convolved(pixels, sigma, cell), rtol=0, atol=2e-6)


@pytest.mark.parametrize("space", [PixelFeatures(), EdgeFeatures(), NetworkFeatures(open_network("random"))])
def test_features_are_the_same_whether_they_are_kept_or_not(space, monkeypatch) -> None:
    pictures = iw.open_images(np.random.default_rng(0).integers(0, 256, (150, 3, 20, 24), np.uint8))
    told: list[int] = []
    kept = FeatureTable(pictures, space, ProgressCounter(150, lambda done, total: told.append(done)))
    assert kept.rows is not None
    assert told[-1] == 150
    monkeypatch.setattr(feature_tables, "KEPT_BYTES", 0)
    told.clear()
    streamed = FeatureTable(pictures, space, ProgressCounter(150, lambda done, total: told.append(done)))
    assert streamed.rows is None
    some = np.array([3, 149, 0, 77])
    for indices in (None, some):
        expected, found = (torch.cat(list(table.stream(indices).batches(64))) for table in (kept, streamed))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert not told  # these passes are not counted
    assert sum(len(batch) for batch in streamed.stream(counted=True).batches(64)) == 150
    assert told[-1] == 150
    assert len(next(streamed.stream().batches(1))) == 1


def test_outliers_are_the_same_whether_features_are_kept_or_not(monkeypatch) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), np.uint8)
    kept = iw.outliers(pictures)
    monkeypatch.setattr(feature_tables, "KEPT_BYTES", 0)
    streamed = iw.outliers(pictures)
    assert all(np.allclose(streamed.scores[name], scores, rtol=1e-4) for name, scores in kept.scores.items())
