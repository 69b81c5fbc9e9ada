"""Confidence intervals: closed forms, scipy's bootstrap, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.intervals import bootstrap, normal_interval, parts_interval


def test_a_standard_error() -> None:
    found = normal_interval(3.0, 2.0, "how")
    assert (found.low, found.high) == pytest.approx(stats.norm(3, 2).interval(0.95))
    assert found.interval == "how"
    clipped = normal_interval(3.0, 2.0, "how", least=0.0, most=5.0)
    assert (clipped.low, clipped.high) == (0.0, 5.0)


def test_parts_use_students_t() -> None:
    parts = np.random.default_rng(0).standard_normal(7)
    found = parts_interval(parts, "how")
    expected = stats.t(6, parts.mean(), parts.std(ddof=1) / np.sqrt(7)).interval(0.95)
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.value == parts.mean()
    assert parts_interval(parts[:1], "how").low is None


def test_the_bootstrap_equals_scipys() -> None:
    values = np.random.default_rng(0).exponential(size=80)
    found = bootstrap(values, np.median, resamples=4000)
    theirs = stats.bootstrap((values,), np.median, n_resamples=4000, method="percentile", rng=np.random.default_rng(1))
    assert found.low == pytest.approx(theirs.confidence_interval.low, rel=0.05)
    assert found.high == pytest.approx(theirs.confidence_interval.high, rel=0.05)
    assert found.value == np.median(values)
    assert found.interval == "95 %, bootstrap over pictures"


def test_the_fast_mean_equals_the_plain_one() -> None:
    values = np.random.default_rng(0).exponential(size=50)
    short, plain = bootstrap(values, seed=3), bootstrap(values, np.mean, seed=3)
    assert (short.value, short.low, short.high) == pytest.approx((plain.value, plain.low, plain.high))


@pytest.mark.learning
def test_it_covers_the_mean() -> None:
    covered = []
    for seed in range(200):
        found = bootstrap(np.random.default_rng(seed).exponential(size=100), resamples=300, seed=seed)
        assert found.low is not None
        assert found.high is not None
        covered.append(found.low < 1.0 < found.high)
    assert 0.88 < np.mean(covered) < 0.99


def test_rows_and_seeds() -> None:
    rows = np.random.default_rng(0).standard_normal((40, 3))
    first, again, different = (
        bootstrap(rows, lambda each: float(each.max()), seed=seed, resamples=50) for seed in (0, 0, 1)
    )
    assert first == again
    assert first.low != different.low
    assert first.value == rows.max()


def test_inputs_without_an_interval_raise() -> None:
    with pytest.raises(DataError, match="no pairs"):
        bootstrap(np.zeros(0), what="pairs")
    with pytest.raises(ConfigError, match="resamples=5"):
        bootstrap(np.ones(3), resamples=5)
    with pytest.raises(ConfigError, match="level=1"):
        bootstrap(np.ones(3), level=1)
