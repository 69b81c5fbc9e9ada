"""Corruptions: each level stronger than the one before, a row the same in any batch, sets of unchanged size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from picture_sets import ArrayPictures, smooth_pictures

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.self_check.corrupted_sets import (
    contaminated_rows,
    corrupt_set,
    rows_repeated,
    rows_without_modes,
)
from imagewright.metrics.self_check.corruptions import CORRUPTIONS, HEAVIEST, LEVELS, corrupt_pictures

OF_PICTURES = [name for name, each in CORRUPTIONS.items() if each.of == "pictures"]


@pytest.mark.parametrize("name", OF_PICTURES)
@pytest.mark.parametrize(("size", "channels"), [((25, 25), 1), ((40, 32), 3), ((32, 32), 4)])
def test_each_level_is_further_from_the_clean_pictures(name: str, size: tuple[int, int], channels: int) -> None:
    pictures = torch.from_numpy(smooth_pictures(24, size, channels))
    rows = np.arange(24)
    found = [corrupt_pictures(pictures, rows, name, level) for level in range(LEVELS)]
    assert torch.equal(found[0], pictures)
    errors = [(copy.double() - pictures.double()).square().mean().item() for copy in found]
    assert errors == sorted(errors)
    assert len(set(errors)) == LEVELS
    assert {copy.shape for copy in found} == {pictures.shape}
    assert {copy.dtype for copy in found} == {torch.uint8}


@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_row_is_corrupted_the_same_in_any_batch(name: str) -> None:
    pictures, rows = torch.from_numpy(smooth_pictures(20)), np.arange(20)
    whole = corrupt_pictures(pictures, rows, name, 3, seed=7)
    chosen = np.array([11, 3, 17])
    assert torch.equal(corrupt_pictures(pictures[chosen], chosen, name, 3, seed=7), whole[chosen])


@pytest.mark.parametrize("name", ["noise", "rectangles", "salt_and_pepper"])
def test_random_draws_depend_on_row_and_seed(name: str) -> None:
    same = torch.from_numpy(np.repeat(smooth_pictures(1, (32, 32)), 6, axis=0))
    found = corrupt_pictures(same, np.arange(6), name, 3)
    assert len({copy.numpy().tobytes() for copy in found}) == 6
    assert not torch.equal(found, corrupt_pictures(same, np.arange(6), name, 3, seed=1))


def test_blur_preserves_flat_pictures_and_means() -> None:
    flat = torch.full((1, 3, 20, 20), 93, dtype=torch.uint8)
    assert torch.equal(corrupt_pictures(flat, np.arange(1), "blur", HEAVIEST), flat)
    pictures = torch.from_numpy(smooth_pictures(10, (64, 64)))
    blurred = corrupt_pictures(pictures, np.arange(10), "blur", 3)
    assert blurred.double().var() < pictures.double().var()
    assert abs(blurred.double().mean() - pictures.double().mean()) < 2


def test_noise_deviation_and_salt_and_pepper_share() -> None:
    grey = torch.full((20, 1, 64, 64), 128, dtype=torch.uint8)
    noisy = corrupt_pictures(grey, np.arange(20), "noise", 3).double()
    assert noisy.std().item() == pytest.approx(28, rel=0.02)
    peppered = corrupt_pictures(grey, np.arange(20), "salt_and_pepper", 4)
    assert (peppered == 0).double().mean().item() == pytest.approx(0.075, abs=0.005)
    assert (peppered == 255).double().mean().item() == pytest.approx(0.075, abs=0.005)


def test_swirl_preserves_radial_pictures_and_corners() -> None:
    places = np.linspace(-1, 1, 65)
    radius = np.hypot(*np.meshgrid(places, places))
    picture = torch.from_numpy((120 + 100 * np.cos(3 * radius)).astype(np.uint8))[None, None]
    swirled = corrupt_pictures(picture, np.arange(1), "swirl", HEAVIEST)
    assert (swirled.int() - picture.int()).abs().max() <= 3
    other = torch.from_numpy(smooth_pictures(1, (65, 65), 1))
    turned = corrupt_pictures(other, np.arange(1), "swirl", HEAVIEST)
    corner = (slice(0, 1), slice(0, 1), slice(0, 8), slice(0, 8))
    assert (turned[corner].int() - other[corner].int()).abs().max() <= 1
    assert (turned.int() - other.int()).abs().max() > 60


def test_modes_are_dropped_cumulatively_and_the_size_is_unchanged() -> None:
    groups = np.arange(600) % 10
    left = []
    for level in range(LEVELS):
        rows = rows_without_modes(groups, level)
        assert rows.shape == (600,)
        remaining = set(groups[rows].tolist())
        unchanged = np.isin(groups, list(remaining))
        np.testing.assert_array_equal(rows[unchanged], np.flatnonzero(unchanged))
        left.append(remaining)
    assert [len(remaining) for remaining in left] == [10, 9, 8, 6, 4, 2]
    assert all(fewer < more for more, fewer in itertools.pairwise(left))
    assert left[3] != set(groups[rows_without_modes(groups, 3, seed=1)].tolist())


def test_two_modes_become_one_and_one_cannot_be_dropped() -> None:
    assert len(np.unique((np.arange(50) % 2)[rows_without_modes(np.arange(50) % 2, HEAVIEST)])) == 1
    with pytest.raises(DataError, match="one class or cluster"):
        rows_without_modes(np.zeros(10, np.int64), 1)


def test_few_pictures_are_repeated_evenly() -> None:
    distinct = []
    for level in range(LEVELS):
        rows = rows_repeated(1000, level)
        times = np.bincount(rows, minlength=1000)
        assert times[times > 0].max() - times[times > 0].min() <= 1
        distinct.append(set(rows.tolist()))
    assert [len(rows) for rows in distinct] == [1000, 500, 250, 100, 40, 15]
    assert all(fewer < more for more, fewer in itertools.pairwise(distinct))
    assert len(set(rows_repeated(3, HEAVIEST).tolist())) == 1


def test_pictures_of_another_kind_are_mixed_in() -> None:
    clean, others = ArrayPictures(smooth_pictures(200)), ArrayPictures(np.zeros((7, 3, 16, 16), np.uint8))
    before = np.zeros(200, bool)
    for level in range(LEVELS):
        black = contaminated_rows(200, level)
        mixed = corrupt_set(clean, "contamination", level, others=others).pictures(np.arange(200))
        np.testing.assert_array_equal((mixed == 0).flatten(1).all(1).numpy(), black)
        assert (black | before).sum() == black.sum()
        before = black
    assert before.mean() == pytest.approx(0.75)


def test_missing_arguments_and_unknown_names_raise() -> None:
    pictures = ArrayPictures(smooth_pictures(4))
    with pytest.raises(DataError, match="class or the cluster"):
        corrupt_set(pictures, "mode_dropping", 1)
    with pytest.raises(DataError, match="--others SOURCE"):
        corrupt_set(pictures, "contamination", 1)
    wide = ArrayPictures(smooth_pictures(4, (16, 20)))
    with pytest.raises(DataError, match="same size and channels"):
        corrupt_set(pictures, "contamination", HEAVIEST, others=wide).pictures(np.arange(4))
    with pytest.raises(ConfigError, match="Did you mean 'blur'"):
        corrupt_set(pictures, "blurr", 1)
    with pytest.raises(ConfigError, match="levels from 0"):
        corrupt_pictures(pictures.pictures(np.arange(2)), np.arange(2), "blur", 6)
    with pytest.raises(ConfigError, match="single pictures"):
        corrupt_pictures(pictures.pictures(np.arange(2)), np.arange(2), "duplication", 1)
