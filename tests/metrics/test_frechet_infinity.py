"""The extrapolated distance: bias, interval, and nested subsets, against known distances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagewright.errors import ConfigError
from imagewright.metrics.frechet.at_infinity import METRIC, extrapolate, frechet_infinity, subset_sizes
from imagewright.metrics.frechet.distance import frechet_distance, influence_deviation
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.metric import MetricContext, Sample

WIDTH = 16
DEVIATIONS = np.arange(1.0, WIDTH + 1) ** -0.5
INFINITE = 10**9
REFERENCE = Moments(INFINITE, np.zeros(WIDTH), np.diag(DEVIATIONS**2) * (INFINITE - 1))


def rows(count: int, seed: int, shift: float, scale: float) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, WIDTH)) * DEVIATIONS * scale
    found[:, 0] += shift
    return found


def known(shift: float, scale: float) -> float:
    """The distance of the distributions that `rows` samples, in closed form for covariances that commute."""
    return float(shift**2 + ((scale - 1) ** 2 * DEVIATIONS**2).sum())


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.1, 1.0), (0.2, 1.1)])
def test_the_intercept_is_nearer_to_the_truth_than_the_distance(shift: float, scale: float) -> None:
    truth, seeds = known(shift, scale), 40
    found = [frechet_infinity(rows(200, seed, shift, scale), REFERENCE, seed=seed) for seed in range(seeds)]
    plain = np.array([each.distances[-1] for each in found])
    intercepts = np.array([each.intercept for each in found])
    assert (abs(intercepts - truth) < abs(plain - truth)).mean() > 0.8
    error = intercepts.std() / np.sqrt(seeds)
    assert abs(intercepts.mean() - truth) < 3 * error
    assert plain.mean() - truth > 6 * plain.std() / np.sqrt(seeds)  # the bias that extrapolation removes


def test_the_bias_of_the_distance_is_one_over_the_count() -> None:
    biases = {}
    for count in (200, 400, 800):
        distances = [frechet_distance(Moments.from_features(rows(count, seed, 0, 1)), REFERENCE) for seed in range(60)]
        biases[count] = np.mean(distances)
    assert biases[200] / biases[400] == pytest.approx(2, rel=0.05)
    assert biases[400] / biases[800] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.2, 1.1)])
def test_its_interval_covers_the_truth(shift: float, scale: float) -> None:
    truth, covered, widths, intercepts = known(shift, scale), [], [], []
    for seed in range(100):
        features = rows(300, seed, shift, scale)
        found = frechet_infinity(features, REFERENCE, seed=seed)
        error = (
            found.inflation
            * influence_deviation(Moments.from_features(features), REFERENCE, features, seed)
            / np.sqrt(300)
        )
        covered.append(abs(found.intercept - truth) < 1.96 * error)
        widths.append(error)
        intercepts.append(found.intercept)
    assert np.mean(covered) > 0.85
    assert np.mean(widths) < 1.5 * np.std(intercepts)


def test_subsets_are_prefixes_of_one_shuffle_and_their_distances_are_exact(tmp_path: Path) -> None:
    features = rows(400, 0, 0.3, 1.2)
    found = frechet_infinity(features, REFERENCE, subsets=4, smallest=100, seed=5)
    assert found.sizes.tolist() == [100, 200, 300, 400]
    assert found.distances[-1] == pytest.approx(frechet_distance(Moments.from_features(features), REFERENCE), rel=1e-9)
    slope, intercept = np.polyfit(1 / found.sizes, found.distances, 1)
    assert found.intercept == pytest.approx(intercept, rel=1e-9)
    assert found.slope == pytest.approx(slope, rel=1e-9)
    again = frechet_infinity(features, REFERENCE, subsets=4, smallest=100, seed=5)
    assert again.intercept == found.intercept
    other = frechet_infinity(features, REFERENCE, subsets=4, smallest=100, seed=6)
    assert other.distances[0] != found.distances[0]
    mapped = np.memmap(tmp_path / "features", np.float64, "w+", shape=features.shape)
    mapped[:] = features
    assert frechet_infinity(mapped, REFERENCE, subsets=4, smallest=100, seed=5).intercept == found.intercept


def test_the_order_of_the_pictures_does_not_matter() -> None:
    """A folder sorted by class: its first half is of one kind."""
    features = rows(2000, 0, 0.2, 1.1)
    ordered = features[features[:, 0].argsort()]
    plain, found = (frechet_infinity(each, REFERENCE).intercept for each in (features, ordered))
    assert found == pytest.approx(plain, abs=0.05)


def test_the_inflation_equals_that_of_means_of_prefixes() -> None:
    """With means instead of distances: the standard deviation of simulated intercepts."""
    sizes = subset_sizes(100, 6, 20)
    draws = np.random.default_rng(0).standard_normal((4000, 100))
    intercepts = [extrapolate(sizes, np.array([row[:size].mean() for size in sizes])).intercept for row in draws]
    expected = extrapolate(sizes, np.zeros(6)).inflation * draws.mean(1).std()
    assert np.std(intercepts) == pytest.approx(expected, rel=0.04)


def test_sizes() -> None:
    assert subset_sizes(50_000).tolist()[::7] == [5000, 27_500, 50_000]
    assert len(subset_sizes(50_000)) == 15
    assert subset_sizes(1000)[0] == 500
    for count, subsets, smallest in ((20, 15, 5000), (100, 1, 10), (100, 15, 1), (3, 2, 5000)):
        with pytest.raises(ConfigError, match="cannot be extrapolated"):
            subset_sizes(count, subsets, smallest)


def test_the_metric_works_with_the_least_number_of_pictures() -> None:
    features, real = rows(METRIC.least, 0, 0, 1), rows(500, 1, 0, 1)
    found = METRIC.compute(
        Sample("a", range(len(features)), features=features),  # type: ignore[arg-type]
        Sample("b", range(500), features=real),  # type: ignore[arg-type]
        MetricContext(METRIC.options),
    )["fd_infinity"]
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    expected = frechet_infinity(features, Moments.from_features(real)).intercept
    assert found.value == expected
