"""The lesson on dimension: measurements against closed forms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import imagewright as iw
from imagewright.errors import DataError
from imagewright.lessons.dimension.measures import (
    cells_hit,
    contrast,
    expected_share,
    intrinsic_dimension,
    pairwise_distances,
    samples_until_covered,
    throws_until_all,
)
from imagewright.output.writing import write_image


@pytest.mark.parametrize(("dimensions", "tolerance"), [(1, 0.15), (2, 0.15), (3, 0.2)])
def test_63_percent_of_the_cube_are_covered_by_ten_to_the_d_samples(dimensions: int, tolerance: float) -> None:
    waits = samples_until_covered(dimensions, 60, np.random.default_rng(0))
    assert np.quantile(waits, 1 - math.exp(-1)) == pytest.approx(10**dimensions, rel=tolerance)
    # In the middle of the cube the wait is geometric; near a border a part of the cell is outside, and it is longer.
    assert 0.9 * 10**dimensions < waits.mean() < 2**dimensions * 10**dimensions


@pytest.mark.learning
def test_the_wait_is_geometric_away_from_borders() -> None:
    waits = samples_until_covered(1, 500, np.random.default_rng(1))
    inside = np.mean(waits > 5)  # for a probe at x the cell is min(1, x + 0.05) - max(0, x - 0.05) wide
    places = np.linspace(0, 1, 10_001)
    cell = np.minimum(1, places + 0.05) - np.maximum(0, places - 0.05)
    assert inside == pytest.approx(((1 - cell) ** 5).mean(), abs=0.02)


def test_throws_until_all_outcomes_are_those_of_a_simulation_throw_by_throw() -> None:
    random = np.random.default_rng(0)
    simulated = []
    for _ in range(2000):
        first = [np.flatnonzero(random.integers(6, size=200) == face)[0] for face in range(6)]
        simulated.append(max(first) + 1)
    measured = throws_until_all(6, 20_000, np.random.default_rng(1))
    assert measured.min() >= 6
    assert measured.mean() == pytest.approx(14.7, rel=0.02)
    assert np.mean(simulated) > 10  # each face's own wait is at most the wait for all
    assert measured.mean() == pytest.approx(6 * (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5 + 1 / 6), rel=0.02)


def test_the_spread_of_distances_of_noise_is_the_closed_form() -> None:
    points = np.random.default_rng(0).random((400, 361))
    away = pairwise_distances(points)
    assert np.mean(away**2) == pytest.approx(361 / 6, rel=0.01)
    assert contrast(away)["variation"] == pytest.approx(0.5 * 6 * math.sqrt(7 / 180 / 361), rel=0.05)


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_the_intrinsic_dimension_of_a_flat_set_is_its_own_not_that_of_the_space(dimensions: int) -> None:
    random = np.random.default_rng(0)
    points = random.random((3000, dimensions)) @ random.standard_normal((dimensions, 100))
    assert intrinsic_dimension(points) == pytest.approx(dimensions, rel=0.12)


@pytest.mark.learning
def test_the_lesson_shows_that_photographs_concentrate_less_than_noise(tmp_path: Path) -> None:
    found = iw.lesson("dimension", tmp_path / "out", samples=200, repeats=20, animation="none")
    paths, numbers = found.paths, found.numbers
    assert {path.name for path in paths} == {
        "coverage.png",
        "dice.png",
        "distances.png",
        "patches.png",
        "numbers.json",
    }
    spread = {kind: sets[361]["variation"] for kind, sets in numbers["distances"].items()}
    assert spread["patches"] > 5 * spread["noise"]
    assert numbers["intrinsic_dimension"]["patches"][361] < 0.3 * numbers["intrinsic_dimension"]["noise"][361]
    assert numbers["extrapolation"]["log10_slope"] == pytest.approx(1, abs=0.08)


def test_pictures_smaller_than_a_patch_are_a_clear_error_before_anything_is_written(tmp_path: Path) -> None:
    write_image(np.zeros((1, 8, 8), np.uint8), tmp_path / "small" / "a.png")
    with pytest.raises(DataError, match="19x19"):
        iw.lesson("dimension", tmp_path / "out", samples=50, repeats=2, pictures=str(tmp_path / "small"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_cells_that_hold_a_point_and_their_expected_share(dimensions: int) -> None:
    points = np.random.default_rng(0).random((50, dimensions))
    hit = cells_hit(points)
    assert {tuple(place) for place in np.argwhere(hit)} == {tuple(place) for place in (points * 10).astype(int)}
    shares = [cells_hit(np.random.default_rng(seed).random((50, dimensions))).mean() for seed in range(200)]
    assert np.mean(shares) == pytest.approx(expected_share(50, dimensions), rel=0.02)
    assert expected_share(0, dimensions) == 0
