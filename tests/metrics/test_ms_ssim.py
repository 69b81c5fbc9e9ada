"""MS-SSIM: the equations of the paper in float64, pairs, and similarity of sets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from picture_sets import ArrayPictures, smooth_pictures
from scipy.ndimage import correlate1d

from imagewright.errors import DataError
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.pictures.ms_ssim import METRIC, WEIGHTS, mean_similarity, multi_scale_similarity, scale_count
from imagewright.metrics.pictures.pairs import mean_over_pairs, random_pairs


def windowed(plane: np.ndarray) -> np.ndarray:
    places = np.arange(-5, 6)
    window = np.exp(-(places**2) / (2 * 1.5**2))
    window /= window.sum()
    return correlate1d(correlate1d(plane, window, 0), window, 1)[5:-5, 5:-5]


def by_the_paper(first: np.ndarray, second: np.ndarray) -> float:
    """Wang, Simoncelli & Bovik 2003, eq. 7, of one pair (C, H, W), term by term."""
    x, y = first.astype(np.float64), second.astype(np.float64)
    scales = 1
    while scales < 5 and min(x.shape[1:]) // 2**scales >= 11:
        scales += 1
    weights = np.array(WEIGHTS[:scales]) / np.sum(WEIGHTS[:scales])
    result = 1.0
    for scale in range(scales):
        terms = []
        for a, b in zip(x, y, strict=True):
            mean_a, mean_b = windowed(a), windowed(b)
            var_a, var_b = windowed(a * a) - mean_a**2, windowed(b * b) - mean_b**2
            covariance = windowed(a * b) - mean_a * mean_b
            term = (2 * covariance + 58.5225) / (var_a + var_b + 58.5225)
            if scale == scales - 1:
                term = term * (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
            terms.append(term)
        result *= max(np.mean(terms), 0) ** weights[scale]
        height, width = (side // 2 * 2 for side in x.shape[1:])
        x, y = (np.mean([z[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)], axis=0) for z in (x, y))
    return result


@pytest.mark.parametrize("size", [(16, 16), (28, 33), (64, 64), (176, 180)])
def test_it_equals_the_equations_of_the_paper(size: tuple[int, int]) -> None:
    first, second = smooth_pictures(3, size), smooth_pictures(3, size, seed=1)
    second[0] = first[0] // 2 + 20
    expected = [by_the_paper(*pair) for pair in zip(first, second, strict=True)]
    found = multi_scale_similarity(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert found[0] > found[1:].max()


def test_the_number_of_scales_by_size() -> None:
    assert [scale_count(side, 400) for side in (11, 21, 22, 28, 44, 64, 88, 176, 1024)] == [1, 1, 2, 2, 3, 3, 4, 5, 5]


def test_equal_pictures_have_one_and_opposite_ones_zero() -> None:
    pictures = torch.from_numpy(smooth_pictures(2, (64, 64)))
    np.testing.assert_allclose(multi_scale_similarity(pictures, pictures).numpy(), 1, rtol=1e-12)
    # Anti-correlated everywhere: a negative mean counts as 0 and never becomes NaN.
    assert multi_scale_similarity(pictures, 255 - pictures).numpy().max() == 0


def test_pairs_are_of_different_pictures_and_use_all_evenly() -> None:
    pairs = random_pairs(9, 30, seed=0)
    assert pairs.shape == (30, 2)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    times = np.bincount(pairs.ravel(), minlength=9)
    assert times.min() >= 5
    assert (random_pairs(9, 30, seed=0) == pairs).all()
    assert not (random_pairs(9, 30, seed=1) == pairs).all()


def test_a_small_set_has_each_pair_once() -> None:
    pairs = random_pairs(5, 10, seed=0)
    assert sorted(map(tuple, pairs.tolist())) == [(a, b) for a in range(5) for b in range(a + 1, 5)]


def test_pairs_within_classes() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 1, 1])
    pairs = random_pairs(8, 50, seed=0, labels=labels)
    assert (labels[pairs[:, 0]] == labels[pairs[:, 1]]).all()
    assert set(labels[pairs].ravel()) == {0, 1}  # class 2 has one picture and no pair
    few = random_pairs(8, 1, seed=3, labels=labels)
    assert len(few) == 1
    with pytest.raises(DataError, match="two pictures of the same class"):
        random_pairs(3, 5, seed=0, labels=np.arange(3))
    with pytest.raises(DataError, match="at least two pictures"):
        random_pairs(1, 5, seed=0)


def test_the_interval_accounts_for_shared_pictures() -> None:
    """The mean over pairs of sums of two numbers varies as twice the mean of the numbers."""
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        numbers = random.normal(size=100)
        pairs = random_pairs(100, 3000, seed=trial)
        value = mean_over_pairs(numbers[pairs].sum(1), pairs)
        assert value.low is not None
        assert value.high is not None
        covered += value.low <= 0 <= value.high
    assert 180 <= covered <= 198  # 190 are expected; a bootstrap over pairs covers about 60


def measured(sample: np.ndarray, reference: np.ndarray, **options: object) -> dict[str, float]:
    samples = Sample("sample", ArrayPictures(sample)), Sample("reference", ArrayPictures(reference))
    values = METRIC.compute(*samples, MetricContext({**METRIC.options, "pairs": 200, **options}))
    return {name: value.value for name, value in values.items()}


def test_repeated_pictures_are_more_similar() -> None:
    many = smooth_pictures(60, (24, 24), 1)
    few = np.concatenate([many[:4]] * 15)
    found = measured(few, many)
    assert found["ms_ssim"] > found["ms_ssim_real"] + 0.1
    assert measured(many, many)["ms_ssim"] == found["ms_ssim_real"]


def test_pictures_of_a_class_are_more_similar() -> None:
    kinds = smooth_pictures(4, (24, 24), 1)
    labels = np.arange(40) % 4
    noise = np.random.default_rng(0).integers(-20, 20, (40, 1, 24, 24))
    pictures = ArrayPictures(np.clip(kinds[labels].astype(int) + noise, 0, 255).astype(np.uint8))
    assert mean_similarity(pictures, 200, 0, labels).value > mean_similarity(pictures, 200, 0).value + 0.2


def test_missing_classes_and_small_pictures_raise() -> None:
    with pytest.raises(DataError, match="needs the class of each picture, and sample has none"):
        measured(smooth_pictures(4), smooth_pictures(4), within_class=True)
    with pytest.raises(DataError, match="smaller than the window"):
        measured(smooth_pictures(4, (8, 8)), smooth_pictures(4, (8, 8)))
