"""The kernel distance: the paper's estimate, known distances, bias and standard error."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.kernel import METRIC, full_kernel_distance, kernel_distance, subset_rows
from imagewright.metrics.metric import MetricContext, Sample


def rows(count: int, seed: int, shift: float = 0.0, width: int = 12) -> np.ndarray:
    found = np.abs(np.random.default_rng(seed).standard_normal((count, width)))
    found[:, 0] += shift
    return found


def as_written(one: np.ndarray, other: np.ndarray) -> float:
    """Gretton et al. 2012, eq. 3, pair by pair."""

    def kernel(first: np.ndarray, second: np.ndarray) -> float:
        return float((first @ second / len(first) + 1) ** 3)

    n, m = len(one), len(other)
    within = sum(kernel(a, b) for i, a in enumerate(one) for j, b in enumerate(one) if i != j) / (n * (n - 1))
    others = sum(kernel(a, b) for i, a in enumerate(other) for j, b in enumerate(other) if i != j) / (m * (m - 1))
    return within + others - 2 * sum(kernel(a, b) for a in one for b in other) / (n * m)


@pytest.mark.parametrize("block", [7, 16, 1000])
def test_all_pairs_equal_the_formula_of_the_paper(block: int, tmp_path: Path) -> None:
    one, other = rows(40, 0, 0.1), rows(33, 1)
    expected = as_written(one, other)
    found = full_kernel_distance(one, other, block=block)
    assert found.value == pytest.approx(expected, rel=1e-10)
    mapped = np.memmap(tmp_path / "features", np.float32, "w+", shape=one.shape)
    mapped[:] = one
    assert full_kernel_distance(mapped, other, block=block).value == pytest.approx(expected, rel=1e-4)
    assert found.standard_error == pytest.approx(full_kernel_distance(one, other).standard_error, rel=1e-9)


# 4 subsets have fewer pairs than the sets, and 30 have more: then the kernel of all pairs is computed once.
@pytest.mark.parametrize("subsets", [4, 30])
def test_the_mean_over_subsets_equals_the_formula(subsets: int) -> None:
    one, other = rows(60, 0, 0.1), rows(50, 1)
    found = kernel_distance(one, other, subsets=subsets, size=20, seed=3)
    each = []
    for index in range(subsets):
        first, second = subset_rows(60, 50, 20, 3, index)
        assert len(set(first.tolist())) == len(set(second.tolist())) == 20
        each.append(as_written(one[first], other[second]))
    assert found.value == pytest.approx(np.mean(each), rel=1e-10)
    assert found.deviation == pytest.approx(np.std(each), rel=1e-8)


def test_subsets_of_nearly_all_pictures_have_nearly_the_error_of_all_pairs() -> None:
    one, other = rows(400, 0, 1.0), rows(400, 1)
    found, whole = kernel_distance(one, other, subsets=20, size=399), full_kernel_distance(one, other)
    assert found.value == pytest.approx(whole.value, rel=0.01)
    assert found.standard_error == pytest.approx(whole.standard_error, rel=0.02)


def test_equal_subsets_are_one() -> None:
    one, other = rows(60, 0, 0.1), rows(60, 1)
    many, single = (kernel_distance(one, other, subsets=subsets, size=1000) for subsets in (100, 1))
    assert many == single


def test_a_subset_of_all_pictures_uses_all_pairs() -> None:
    one, other = rows(60, 0, 0.1), rows(60, 1)
    whole = full_kernel_distance(one, other)
    subset = kernel_distance(one, other, subsets=1, size=1000)
    assert subset.value == pytest.approx(whole.value, rel=1e-10)
    assert subset.standard_error == pytest.approx(whole.standard_error, rel=1e-8)


def test_a_set_has_the_same_distance_to_itself_and_to_its_copy() -> None:
    one = rows(60, 0)
    compared = [
        *(partial(kernel_distance, subsets=subsets, size=size) for subsets, size in ((1, 1000), (100, 40))),
        full_kernel_distance,
    ]
    for distance in compared:
        itself, copy = astuple(distance(one, one)), astuple(distance(one, one.copy()))
        # NumPy multiplies a matrix by its own transpose in another routine, which on some processors rounds otherwise.
        found, expected = (np.array([each or 0.0 for each in values]) for values in (itself, copy))
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_known_distance() -> None:
    """One feature, by the moments of normal distributions: E (x y + 1)^3 = 1 + 3 a b + 3 a2 b2 + a3 b3."""

    def moments(mean: float, deviation: float) -> np.ndarray:
        variance = deviation**2
        return np.array([1, mean, mean**2 + variance, mean**3 + 3 * mean * variance])

    first, second = moments(0.5, 1.0), moments(0.0, 0.8)
    expected = (np.array([1, 3, 3, 1]) * (first - second) ** 2).sum()
    random = np.random.default_rng(0)
    found = [
        kernel_distance(
            0.5 + random.standard_normal((500, 1)), 0.8 * random.standard_normal((500, 1)), subsets=5, size=100
        )
        for _ in range(200)
    ]
    values = np.array([each.value for each in found])
    assert abs(values.mean() - expected) < 3 * values.std() / np.sqrt(200)


@pytest.mark.parametrize(
    ("counts", "shift"), [((150, 150), 0.0), ((150, 400), 0.0), ((150, 150), 0.5), ((60, 400), 0.5)]
)
def test_no_bias_and_the_right_standard_error(counts: tuple[int, int], shift: float) -> None:
    found, whole = [], []
    for seed in range(100):
        one, other = rows(counts[0], 2 * seed, shift), rows(counts[1], 2 * seed + 1)
        found.append(kernel_distance(one, other, subsets=8, size=60, seed=seed))
        whole.append(full_kernel_distance(one, other))
    for each in (found, whole):
        values = np.array([one.value for one in each])
        errors = np.array([one.standard_error for one in each])
        truth = values.mean() if shift else 0.0
        assert abs(values.mean() - truth) < 3 * values.std() / 10
        assert 0.8 < errors.mean() / values.std() < 1.5
        assert (abs(values - truth) < 1.96 * errors).mean() > 0.88


def test_the_seed_decides_the_subsets() -> None:
    one, other = rows(80, 0), rows(80, 1)
    first, again, different = (kernel_distance(one, other, subsets=2, size=30, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.value != different.value


def test_inputs_without_a_kernel_distance_raise() -> None:
    with pytest.raises(DataError, match="expected"):
        kernel_distance(rows(5, 0), rows(5, 0, width=3))
    with pytest.raises(DataError, match="two of each"):
        full_kernel_distance(rows(1, 0), rows(5, 0))
    with pytest.raises(ConfigError, match="subsets=-1"):
        kernel_distance(rows(5, 0), rows(5, 0), subsets=-1)


@pytest.mark.parametrize("subsets", [3, 0])
def test_the_metric(subsets: int) -> None:
    one, other = rows(50, 0, 0.2), rows(40, 1)
    value = METRIC.compute(
        Sample("a", range(50), features=one),  # type: ignore[arg-type]
        Sample("b", range(40), features=other),  # type: ignore[arg-type]
        MetricContext({"subsets": subsets, "size": 20}, seed=1),
    )["kd"]
    expected = kernel_distance(one, other, subsets=3, size=20, seed=1) if subsets else full_kernel_distance(one, other)
    assert value.value == expected.value
    assert value.low is not None
    assert value.high is not None
    assert value.high - value.low == pytest.approx(2 * 1.96 * expected.standard_error, rel=1e-3)
