"""Known damage: each level worse than the one before, a row the same in any batch, sets that keep their size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from picture_sets import ArrayPictures, smooth_pictures

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.self_check.corrupted_sets import (
    contaminated_rows,
    corrupted,
    rows_repeated,
    rows_without_modes,
)
from imagewright.metrics.self_check.corruptions import CORRUPTIONS, HEAVIEST, LEVELS, damaged

OF_PICTURES = [name for name, each in CORRUPTIONS.items() if each.of == "pictures"]


@pytest.mark.parametrize("name", OF_PICTURES)
@pytest.mark.parametrize(("size", "channels"), [((25, 25), 1), ((40, 32), 3), ((32, 32), 4)])
def test_each_level_is_further_from_the_clean_pictures(name: str, size: tuple[int, int], channels: int) -> None:
    pictures = torch.from_numpy(smooth_pictures(24, size, channels))
    rows = np.arange(24)
    found = [damaged(pictures, rows, name, level) for level in range(LEVELS)]
    assert torch.equal(found[0], pictures)
    errors = [(copy.double() - pictures.double()).square().mean().item() for copy in found]
    assert errors == sorted(errors)
    assert len(set(errors)) == LEVELS
    assert {copy.shape for copy in found} == {pictures.shape}
    assert {copy.dtype for copy in found} == {torch.uint8}


@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_row_is_damaged_alike_in_any_batch(name: str) -> None:
    pictures, rows = torch.from_numpy(smooth_pictures(20)), np.arange(20)
    whole = damaged(pictures, rows, name, 3, seed=7)
    chosen = np.array([11, 3, 17])
    assert torch.equal(damaged(pictures[chosen], chosen, name, 3, seed=7), whole[chosen])


@pytest.mark.parametrize("name", ["noise", "rectangles", "salt_and_pepper"])
def test_what_is_drawn_follows_from_row_and_seed(name: str) -> None:
    same = torch.from_numpy(np.repeat(smooth_pictures(1, (32, 32)), 6, axis=0))
    found = damaged(same, np.arange(6), name, 3)
    assert len({copy.numpy().tobytes() for copy in found}) == 6
    assert not torch.equal(found, damaged(same, np.arange(6), name, 3, seed=1))


def test_blur_keeps_flat_pictures_and_the_mean_of_others() -> None:
    flat = torch.full((1, 3, 20, 20), 93, dtype=torch.uint8)
    assert torch.equal(damaged(flat, np.arange(1), "blur", HEAVIEST), flat)
    pictures = torch.from_numpy(smooth_pictures(10, (64, 64)))
    blurred = damaged(pictures, np.arange(10), "blur", 3)
    assert blurred.double().var() < pictures.double().var()
    assert abs(blurred.double().mean() - pictures.double().mean()) < 2


def test_noise_has_its_deviation_and_salt_and_pepper_its_share() -> None:
    grey = torch.full((20, 1, 64, 64), 128, dtype=torch.uint8)
    noisy = damaged(grey, np.arange(20), "noise", 3).double()
    assert noisy.std().item() == pytest.approx(28, rel=0.02)
    peppered = damaged(grey, np.arange(20), "salt_and_pepper", 4)
    assert (peppered == 0).double().mean().item() == pytest.approx(0.075, abs=0.005)
    assert (peppered == 255).double().mean().item() == pytest.approx(0.075, abs=0.005)


def test_swirl_leaves_what_is_round_and_the_corners() -> None:
    places = np.linspace(-1, 1, 65)
    round_one = np.hypot(*np.meshgrid(places, places))
    picture = torch.from_numpy((120 + 100 * np.cos(3 * round_one)).astype(np.uint8))[None, None]
    swirled = damaged(picture, np.arange(1), "swirl", HEAVIEST)
    assert (swirled.int() - picture.int()).abs().max() <= 3
    other = torch.from_numpy(smooth_pictures(1, (65, 65), 1))
    turned = damaged(other, np.arange(1), "swirl", HEAVIEST)
    corner = (slice(0, 1), slice(0, 1), slice(0, 8), slice(0, 8))
    assert (turned[corner].int() - other[corner].int()).abs().max() <= 1
    assert (turned.int() - other.int()).abs().max() > 60


def test_modes_are_dropped_one_after_another_and_the_set_keeps_its_size() -> None:
    groups = np.arange(600) % 10
    left = []
    for level in range(LEVELS):
        rows = rows_without_modes(groups, level)
        assert rows.shape == (600,)
        kept = set(groups[rows].tolist())
        stays = np.isin(groups, list(kept))
        np.testing.assert_array_equal(rows[stays], np.flatnonzero(stays))  # pictures of kept modes stay where they are
        left.append(kept)
    assert [len(kept) for kept in left] == [10, 9, 8, 6, 4, 2]
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
        mixed = corrupted(clean, "contamination", level, others=others).pictures(np.arange(200))
        np.testing.assert_array_equal((mixed == 0).flatten(1).all(1).numpy(), black)
        assert (black | before).sum() == black.sum()
        before = black
    assert before.mean() == pytest.approx(0.75)


def test_what_is_missing_or_unknown_is_said() -> None:
    pictures = ArrayPictures(smooth_pictures(4))
    with pytest.raises(DataError, match="class or the cluster"):
        corrupted(pictures, "mode_dropping", 1)
    with pytest.raises(DataError, match="second set"):
        corrupted(pictures, "contamination", 1)
    wide = ArrayPictures(smooth_pictures(4, (16, 20)))
    with pytest.raises(DataError, match="same size and channels"):
        corrupted(pictures, "contamination", HEAVIEST, others=wide).pictures(np.arange(4))
    with pytest.raises(ConfigError, match="Did you mean 'blur'"):
        corrupted(pictures, "blurr", 1)
    with pytest.raises(ConfigError, match="levels from 0"):
        damaged(pictures.pictures(np.arange(2)), np.arange(2), "blur", 6)
    with pytest.raises(ConfigError, match="not done to single pictures"):
        damaged(pictures.pictures(np.arange(2)), np.arange(2), "duplication", 1)
