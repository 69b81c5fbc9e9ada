"""Transfer of colour statistics inside a mask, against what the statistics must become."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from imagewright.errors import ConfigError
from imagewright.faces.colours import METHODS, ColourMethod, match_colours

TRANSFERS: list[ColourMethod] = ["reinhard", "linear", "mkl", "histogram"]


def two_pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two pictures with correlated channels that stay inside [0, 1], and a mask of weights with a hole."""
    random = np.random.default_rng(0)
    mixing = np.array([[0.04, 0.01, 0.0], [0.02, 0.03, 0.0], [0.01, 0.01, 0.02]])
    turned = np.array([[0.02, 0.02, 0.01], [-0.01, 0.04, 0.0], [0.0, 0.01, 0.03]])
    picture = np.clip([0.5, 0.4, 0.35] + random.normal(size=(64, 48, 3)).clip(-2, 2) @ mixing.T, 0, 1)
    reference = np.clip([0.6, 0.5, 0.5] + random.normal(size=(64, 48, 3)).clip(-2, 2) @ turned.T, 0, 1)
    mask = random.uniform(0.2, 1, (64, 48))
    mask[20:40, 10:20] = 0
    return picture.astype(np.float32), reference.astype(np.float32), mask.astype(np.float32)


def moments(picture: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    colours, weights = picture.reshape(-1, 3).astype(float), mask.ravel().astype(float)
    return np.average(colours, 0, weights), np.cov(colours.T, aweights=weights, bias=True)


def quantiles(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    order = np.argsort(values.ravel())
    shares = np.cumsum(mask.ravel()[order], dtype=float) / mask.sum(dtype=float)
    return np.interp(np.linspace(0.01, 0.99, 99), shares, values.ravel()[order])


@pytest.mark.parametrize("method", ["linear", "mkl"])
def test_mean_and_covariance_become_those_of_the_reference(method: ColourMethod) -> None:
    picture, reference, mask = two_pictures()
    found, wanted = moments(match_colours(picture, reference, mask, method), mask), moments(reference, mask)
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-4)
    np.testing.assert_allclose(found[1], wanted[1], atol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(found[1])), np.sqrt(np.diag(wanted[1])), atol=1e-4)


def test_the_monge_kantorovich_map_changes_colours_least() -> None:
    picture, reference, mask = two_pictures()
    changes = {
        method: np.average(np.square(match_colours(picture, reference, mask, method) - picture).sum(-1), weights=mask)
        for method in ("mkl", "linear")
    }
    assert changes["mkl"] < changes["linear"]


def test_reinhard_matches_mean_and_deviation_of_each_channel_of_lab() -> None:
    picture, reference, mask = two_pictures()
    found = moments(rgb2lab(match_colours(picture, reference, mask, "reinhard")), mask)
    wanted = moments(rgb2lab(reference), mask)
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-2)  # of 100
    np.testing.assert_allclose(np.diag(found[1]), np.diag(wanted[1]), rtol=1e-3)


def test_the_histogram_matches_the_distribution_of_each_channel_of_lab() -> None:
    picture, reference, mask = two_pictures()
    found, wanted = rgb2lab(match_colours(picture, reference, mask, "histogram")), rgb2lab(reference)
    for channel in range(3):
        np.testing.assert_allclose(
            quantiles(found[..., channel], mask), quantiles(wanted[..., channel], mask), atol=0.3
        )


@pytest.mark.parametrize("method", METHODS)
def test_equal_statistics_change_nothing(method: ColourMethod) -> None:
    picture, _, mask = two_pictures()
    np.testing.assert_allclose(match_colours(picture, picture, mask, method), picture, atol=1e-4)


@pytest.mark.parametrize("method", TRANSFERS)
def test_what_the_mask_leaves_out_is_not_counted(method: ColourMethod) -> None:
    picture, reference, mask = two_pictures()
    before = match_colours(picture, reference, mask, method)
    picture[mask == 0], reference[mask == 0] = (0.3, 0.5, 0.4), (0.5, 0.6, 0.4)
    after = match_colours(picture, reference, mask, method)
    np.testing.assert_allclose(after[mask > 0], before[mask > 0], atol=2e-3 if method == "histogram" else 1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_flat_and_extreme_pictures_stay_pictures(method: ColourMethod) -> None:
    mask = np.ones((16, 16), np.float32)
    random = np.random.default_rng(1).random((16, 16, 3), np.float32)
    flat = np.full((16, 16, 3), 0.5, np.float32)
    black = np.zeros((16, 16, 3), np.float32)
    for picture in (random, flat, black, 1 - black):
        for reference in (random, flat, black, 1 - black, np.float32([0, 0, 1]) + black, np.float32([1, 1, 0]) + black):
            made = match_colours(picture, reference, mask, method)
            assert made.dtype == np.float32
            assert made.shape == picture.shape
            assert np.isfinite(made).all()
            assert 0 <= made.min() <= made.max() <= 1


def test_a_flat_face_gets_the_colour_of_a_flat_reference() -> None:
    mask = np.ones((16, 16), np.float32)
    picture, reference = np.full((16, 16, 3), 0.5, np.float32), np.full((16, 16, 3), (0.7, 0.5, 0.4), np.float32)
    for method in TRANSFERS:
        np.testing.assert_allclose(match_colours(picture, reference, mask, method), reference, atol=5e-3)


def test_an_empty_mask_changes_nothing_and_another_method_is_named() -> None:
    picture, reference, mask = two_pictures()
    np.testing.assert_array_equal(match_colours(picture, reference, mask * 0, "mkl"), picture)
    with pytest.raises(ConfigError, match=r"'reinhart'.*reinhard, linear, mkl"):
        match_colours(picture, reference, mask, "reinhart")  # type: ignore[arg-type]
