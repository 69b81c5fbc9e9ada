"""Moments: equal to NumPy's for any split, offset, float type and storage."""

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
def test_they_equal_numpys(block: int) -> None:
    rows = features()
    moments = Moments.from_features(rows, block)
    np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(rows.T), rtol=1e-11, atol=1e-13)
    assert moments.count == 300
    assert moments.dimension == 12


def test_a_large_offset_costs_no_digits() -> None:
    rows = features()
    far = rows + 1e7
    expected = np.cov((far - 1e7).T)  # the covariance of the rounded numbers
    found = Moments.from_features(far, 50).covariance
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * expected.max())
    plain = far.T @ far / 299 - np.outer(far.mean(0), far.mean(0)) * 300 / 299
    assert abs(plain - expected).max() > 1e-3 * expected.max()  # plain sums of squares lose these digits


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_short_floats_are_summed_in_float64(kind: type) -> None:
    rows = (features() + 100).astype(kind)
    np.testing.assert_allclose(
        Moments.from_features(rows, 33).covariance, np.cov(rows.astype(np.float64).T), rtol=1e-10
    )


def test_merged_parts_equal_the_whole_in_any_order() -> None:
    rows = features(500)
    parts = [Moments.from_features(part) for part in np.split(rows, [1, 3, 200, 200, 460])]  # one of them empty
    whole = Moments.from_features(rows)
    left = reduce(Moments.merge, parts)
    right = reduce(lambda after, before: before.merge(after), reversed(parts))
    for merged in (left, right):
        assert merged.count == 500
        np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-11)
    np.testing.assert_array_equal(left.scatter, left.scatter.T)


def test_merging_changes_neither_part() -> None:
    one, other = Moments.from_features(features(20)), Moments.from_features(features(20, seed=1))
    before = one.scatter.copy(), other.scatter.copy()
    one.merge(other)
    np.testing.assert_array_equal(one.scatter, before[0])
    np.testing.assert_array_equal(other.scatter, before[1])


def test_a_mapped_file_is_read_in_blocks(tmp_path: Path) -> None:
    rows = features(1000).astype(np.float32)
    mapped = np.memmap(tmp_path / "features", np.float32, "w+", shape=rows.shape)
    mapped[:] = rows
    np.testing.assert_allclose(Moments.from_features(mapped, 128).covariance, np.cov(rows.astype(float).T), rtol=1e-10)


def test_arrays_and_back() -> None:
    moments = Moments.from_features(features())
    again = Moments.from_arrays(moments.to_arrays())
    assert again.count == moments.count
    np.testing.assert_array_equal(again.mean, moments.mean)
    np.testing.assert_array_equal(again.scatter, moments.scatter)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": np.zeros(3)}, "shapes"),
        ({"scatter": np.full((12, 12), np.nan)}, "finite"),
        ({"scatter": np.triu(np.ones((12, 12)))}, "the scatter is not symmetric"),
        ({"scatter": -np.eye(12)}, "the scatter is not symmetric"),
        ({"count": np.array(-1)}, "finite"),
    ],
)
def test_arrays_that_are_not_moments_raise(change: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Moments.from_arrays(Moments.from_features(features()).to_arrays() | change)


def test_a_missing_array_raises() -> None:
    arrays = Moments.from_features(features()).to_arrays()
    del arrays["mean"]
    with pytest.raises(DataError, match="count, scatter was found"):
        Moments.from_arrays(arrays)


def test_features_that_are_not_finite_raise() -> None:
    rows = features()
    rows[123, 4] = np.inf
    rows[200, 0] = np.nan
    with pytest.raises(DataError, match="2 pictures, first of picture 123"):
        Moments.from_features(rows)
    with pytest.raises(DataError, match="1 picture, first of picture 123"):
        Moments.from_features(rows, 50)


def test_inputs_without_moments_raise() -> None:
    with pytest.raises(DataError, match="row for each picture"):
        Moments.from_features(np.zeros(5))
    with pytest.raises(DataError, match="two at least"):
        _ = Moments.from_features(features(1)).covariance
    with pytest.raises(DataError, match="cannot be merged"):
        Moments.empty(3).merge(Moments.empty(4))


@pytest.mark.parametrize(("count", "rank"), [(5, 4), (13, 12), (300, 12)])
def test_the_rank_of_the_factor(count: int, rank: int) -> None:
    moments = Moments.from_features(features(count))
    assert moments.factor.shape == (12, rank)
    np.testing.assert_allclose(moments.factor @ moments.factor.T, moments.covariance, rtol=1e-9, atol=1e-12)


def test_the_factor_of_repeated_and_constant_features() -> None:
    rows = features()
    rows[:, 3] = rows[:, 8]
    rows[:, 5] = 7
    moments = Moments.from_features(rows)
    assert moments.factor.shape == (12, 10)
    np.testing.assert_allclose(moments.factor @ moments.factor.T, moments.covariance, rtol=1e-9, atol=1e-12)
    assert Moments.from_features(np.ones((9, 4))).factor.shape == (4, 0)
