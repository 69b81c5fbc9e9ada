"""PSNR and SSIM: equal to scikit-image, closed forms, batches, and reconstructions of a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from picture_sets import ArrayPictures, Darker, Linear, smooth_pictures
from skimage.metrics import peak_signal_noise_ratio
from skimage.metrics import structural_similarity as published

from imagewright.errors import DataError, UserError
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.pictures.reconstruction import METRIC, choose_rows, peak_signal_to_noise
from imagewright.metrics.pictures.structural_similarity import structural_similarity


def noisy(pictures: np.ndarray, deviation: float, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.clip(pictures + random.normal(0, deviation, pictures.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(11, 11), (28, 28), (64, 75), (130, 20)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_ssim_equals_that_of_scikit_image(size: tuple[int, int], channels: int) -> None:
    first = smooth_pictures(5, size, channels)
    first[4] = 200  # a flat picture, whose variance is all rounding
    second = noisy(first, 12)
    expected = [
        published(*pair, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=0)
        for pair in zip(first, second, strict=True)
    ]
    found = structural_similarity(torch.from_numpy(first), torch.from_numpy(second))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-9)


def test_ssim_of_equal_pictures_is_one_and_falls_with_noise() -> None:
    first = smooth_pictures(3, (32, 32))
    values = [
        structural_similarity(torch.from_numpy(first), torch.from_numpy(noisy(first, deviation))).mean().item()
        for deviation in (0, 4, 12, 40)
    ]
    assert values[0] == pytest.approx(1, abs=1e-12)
    assert values == sorted(values, reverse=True)


def test_psnr_equals_that_of_scikit_image() -> None:
    first = smooth_pictures(4, (16, 20))
    second = noisy(first, 20)
    expected = [peak_signal_noise_ratio(*pair, data_range=255) for pair in zip(first, second, strict=True)]
    found = peak_signal_to_noise(torch.from_numpy(first), torch.from_numpy(second))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_the_psnr_of_equal_pictures_is_finite_and_the_highest() -> None:
    pictures = torch.from_numpy(smooth_pictures(1, (8, 8), 1))
    nearly = pictures.clone()
    nearly[0, 0, 3, 3] += 1
    assert peak_signal_to_noise(pictures, pictures).item() == pytest.approx(10 * np.log10(255**2 * 64))
    assert peak_signal_to_noise(pictures, nearly).item() == peak_signal_to_noise(pictures, pictures).item()
    nearly[0, 0, 4, 4] += 1
    assert peak_signal_to_noise(pictures, nearly).item() < peak_signal_to_noise(pictures, pictures).item()


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ((1, 3, 16, 16), (1, 3, 16, 18), "the same size"),
        ((1, 3, 16, 16), (1, 1, 16, 16), "channels"),
        ((1, 1, 10, 64), (1, 1, 10, 64), "smaller than the window of 11x11"),
    ],
)
def test_pairs_that_cannot_be_compared_raise(first: tuple[int, ...], second: tuple[int, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        structural_similarity(torch.zeros(first, dtype=torch.uint8), torch.zeros(second, dtype=torch.uint8))


def measured(model: torch.nn.Module, pictures: np.ndarray, **options: int) -> dict[str, float]:
    reference = Sample("reference", ArrayPictures(pictures))
    context = MetricContext({**METRIC.options, **options})
    sample = Sample("model", ArrayPictures(pictures[:1]), model=model)  # type: ignore[arg-type]
    return {name: value.value for name, value in METRIC.compute(sample, reference, context).items()}


def test_a_model_that_darkens_by_five_levels_has_the_psnr_of_five_levels() -> None:
    pictures = 60 + smooth_pictures(300, (16, 16)) // 2
    found = measured(Darker((16, 16), 3, 5), pictures)
    assert found["psnr"] == pytest.approx(20 * np.log10(255 / 5))
    assert 0.9 < found["ssim"] < 1
    assert measured(Darker((16, 16), 3, 0), pictures)["ssim"] == pytest.approx(1)


def test_the_interval_contains_the_mean() -> None:
    sample = Sample("model", ArrayPictures(smooth_pictures(1)), model=Darker((16, 16), 3, 5))
    values = METRIC.compute(
        sample, Sample("reference", ArrayPictures(smooth_pictures(40))), MetricContext(METRIC.options)
    )
    for value in values.values():
        assert value.low is not None
        assert value.high is not None
        assert value.low <= value.value <= value.high
        assert "pictures" in value.interval


def test_many_pictures_are_subsampled_by_the_seed() -> None:
    assert choose_rows(10, 20, 0).tolist() == list(range(10))
    rows = choose_rows(100, 20, 0)
    assert len(set(rows.tolist())) == 20
    assert (np.diff(rows) > 0).all()
    assert rows.tolist() != choose_rows(100, 20, 1).tolist()


def test_a_model_that_does_not_reconstruct_raises() -> None:
    with pytest.raises(UserError, match="cannot reconstruct"):
        measured(Linear(), smooth_pictures(2, (8, 8), 1))


def test_pictures_of_another_size_raise() -> None:
    with pytest.raises(DataError, match="reconstructs pictures of 16x16x3, but the reference has pictures of 20x20x3"):
        measured(Darker((16, 16), 3, 0), smooth_pictures(2, (20, 20)))
