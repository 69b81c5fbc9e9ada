"""Moments: against NumPy's own, however the data is split, conditioned and stored."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from imagewright.errors import DataError
from imagewright.metrics.frechet.moments import Moments


def features(count: int = 300, width: int = 12, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.standard_normal((count, width)) @ random.standard_normal((width, width))


@pytest.mark.parametrize("block", [7, 64, 4096])
def test_they_are_numpys(block: int) -> None:
    rows = features()
    moments = Moments.of(rows, block)
    np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(rows.T), rtol=1e-11, atol=1e-13)
    assert moments.count == 300
    assert moments.dimension == 12


def test_a_mean_far_from_nought_costs_no_digits() -> None:
    rows = features()
    far = rows + 1e7
    expected = np.cov((far - 1e7).T)  # what the rounded numbers are, about a nearer origin
    found = Moments.of(far, 50).covariance
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * expected.max())
    plain = far.T @ far / 299 - np.outer(far.mean(0), far.mean(0)) * 300 / 299
    assert abs(plain - expected).max() > 1e-3 * expected.max()  # which plain sums of squares would not give


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_short_floats_are_summed_in_float64(kind: type) -> None:
    rows = (features() + 100).astype(kind)
    np.testing.assert_allclose(Moments.of(rows, 33).covariance, np.cov(rows.astype(np.float64).T), rtol=1e-10)


def test_merging_is_the_whole_in_any_order() -> None:
    rows = features(500)
    parts = [Moments.of(part) for part in np.split(rows, [1, 3, 200, 200, 460])]  # one of them empty
    whole = Moments.of(rows)
    left = reduce(Moments.merged, parts)
    right = reduce(lambda after, before: before.merged(after), reversed(parts))
    for merged in (left, right):
        assert merged.count == 500
        np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-11)
    np.testing.assert_array_equal(left.scatter, left.scatter.T)


def test_merging_changes_neither_part() -> None:
    one, other = Moments.of(features(20)), Moments.of(features(20, seed=1))
    before = one.scatter.copy(), other.scatter.copy()
    one.merged(other)
    np.testing.assert_array_equal(one.scatter, before[0])
    np.testing.assert_array_equal(other.scatter, before[1])


def test_a_mapped_file_is_read_in_blocks(tmp_path: Path) -> None:
    rows = features(1000).astype(np.float32)
    mapped = np.memmap(tmp_path / "features", np.float32, "w+", shape=rows.shape)
    mapped[:] = rows
    np.testing.assert_allclose(Moments.of(mapped, 128).covariance, np.cov(rows.astype(float).T), rtol=1e-10)


def test_state_and_back() -> None:
    moments = Moments.of(features())
    again = Moments.from_state(moments.state())
    assert again.count == moments.count
    np.testing.assert_array_equal(again.mean, moments.mean)
    np.testing.assert_array_equal(again.scatter, moments.scatter)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mean": np.zeros(3)}, "shapes"),
        ({"scatter": np.full((12, 12), np.nan)}, "finite"),
        ({"scatter": np.triu(np.ones((12, 12)))}, "sum of squares"),
        ({"scatter": -np.eye(12)}, "sum of squares"),
        ({"count": np.array(-1)}, "finite"),
    ],
)
def test_a_state_that_is_none(change: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Moments.from_state(Moments.of(features()).state() | change)


def test_a_state_with_a_part_missing() -> None:
    state = Moments.of(features()).state()
    del state["mean"]
    with pytest.raises(DataError, match="count, scatter was found"):
        Moments.from_state(state)


def test_features_that_are_no_numbers() -> None:
    rows = features()
    rows[123, 4] = np.inf
    rows[200, 0] = np.nan
    with pytest.raises(DataError, match="2 pictures, first of picture 123"):
        Moments.of(rows)
    with pytest.raises(DataError, match="1 picture, first of picture 123"):
        Moments.of(rows, 50)


def test_what_has_no_moments() -> None:
    with pytest.raises(DataError, match="row for each picture"):
        Moments.of(np.zeros(5))
    with pytest.raises(DataError, match="two at least"):
        _ = Moments.of(features(1)).covariance
    with pytest.raises(DataError, match="cannot be merged"):
        Moments.none(3).merged(Moments.none(4))


@pytest.mark.parametrize(("count", "rank"), [(5, 4), (13, 12), (300, 12)])
def test_the_factor_is_no_wider_than_the_pictures_span(count: int, rank: int) -> None:
    moments = Moments.of(features(count))
    assert moments.factor.shape == (12, rank)
    np.testing.assert_allclose(moments.factor @ moments.factor.T, moments.covariance, rtol=1e-9, atol=1e-12)


def test_the_factor_of_repeated_and_constant_features() -> None:
    rows = features()
    rows[:, 3] = rows[:, 8]
    rows[:, 5] = 7
    moments = Moments.of(rows)
    assert moments.factor.shape == (12, 10)
    np.testing.assert_allclose(moments.factor @ moments.factor.T, moments.covariance, rtol=1e-9, atol=1e-12)
    assert Moments.of(np.ones((9, 4))).factor.shape == (4, 0)
