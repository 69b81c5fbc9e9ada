"""Density and coverage: the definition of the paper, expected values, open balls, and the interval."""

from __future__ import annotations

import numpy as np
import pytest
from feature_samples import compute, make_sample

from imagewright.metrics.neighbours.distances import nearest_distances


def by_the_paper(real: np.ndarray, generated: np.ndarray, neighbours: int) -> tuple[float, float]:
    """Naeem et al. 2020, eq. 4 and 5, with open balls."""
    real, generated = real.astype(np.float64), generated.astype(np.float64)
    within = np.sqrt(np.square(real[:, None] - real).sum(-1))
    radii = np.sort(within, axis=1)[:, neighbours]  # column 0 is the picture itself
    inside = np.sqrt(np.square(real[:, None] - generated).sum(-1)) < radii[:, None]
    return float(inside.sum() / (neighbours * len(generated))), float(inside.any(1).mean())


def normal(seed: int, count: int, features: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, features)).astype(np.float32)


@pytest.mark.parametrize("neighbours", [1, 5, 9])
def test_values_equal_the_definition_of_the_paper(neighbours: int) -> None:
    real, generated = normal(0, 260), 0.8 * normal(1, 260)
    found = compute("density_coverage", make_sample(generated), make_sample(real), neighbours=neighbours)
    density, coverage = by_the_paper(real, generated.astype(np.float32), neighbours)
    assert found["density"].value == pytest.approx(density, rel=1e-12)
    assert found["coverage"].value == pytest.approx(coverage, rel=1e-12)


def test_expected_values_for_the_real_distribution() -> None:
    """Lemma 1 and 2 of the paper: density 1, coverage 1 - (N-1)...(N-k) / ((2N-1)...(2N-k))."""
    count, neighbours = 1500, 5
    found = compute("density_coverage", make_sample(normal(2, count)), make_sample(normal(3, count)))
    steps = np.arange(1, neighbours + 1)
    expected = 1 - float(np.prod((count - steps) / (2 * count - steps)))
    assert found["density"].value == pytest.approx(1, abs=0.06)
    assert found["coverage"].value == pytest.approx(expected, abs=0.015)
    for value in found.values():
        assert value.low is not None
        assert value.high is not None
        assert value.low < value.value < value.high
    assert found["density"].high - found["density"].low < 0.2  # type: ignore[operator]


def test_a_generated_outlier_widens_no_ball() -> None:
    real = normal(4, 300)
    generated = normal(5, 300)
    before = compute("density_coverage", make_sample(generated), make_sample(real))
    generated[0] = 1000
    after = compute("density_coverage", make_sample(generated), make_sample(real))
    assert after["density"].value <= before["density"].value
    assert after["coverage"].value == pytest.approx(before["coverage"].value, abs=0.03)


def test_a_picture_with_enough_duplicates_has_an_empty_ball() -> None:
    real = np.concatenate([np.repeat(normal(6, 1), 6, 0), normal(7, 60) + 50])
    found = compute("density_coverage", make_sample(np.repeat(real[:1], 66, 0)), make_sample(real))
    assert found["density"].value == 0
    assert found["coverage"].value == 0


def test_nearest_distances_equal_the_sorted_matrix() -> None:
    queries, rows = normal(8, 70), normal(9, 90)
    every = np.sort(np.sqrt(np.square(queries[:, None].astype(float) - rows).sum(-1)), axis=1)
    np.testing.assert_allclose(nearest_distances(queries, rows, 3), every[:, :3], rtol=1e-12)
    few = nearest_distances(queries, rows[:2], 3)
    assert np.isinf(few[:, 2]).all()
    np.testing.assert_allclose(
        few[:, :2], np.sort(np.sqrt(np.square(queries[:, None].astype(float) - rows[:2]).sum(-1)))
    )
    assert (nearest_distances(rows[:5], rows)[:, 0] == 0).all()
