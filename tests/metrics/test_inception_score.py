"""The Inception score: the paper's formula, its bounds, and merged sums."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes.inception_score import METRIC, SplitPredictions, assign_splits, inception_score
from imagewright.metrics.metric import MetricContext, Sample


def logits(count: int = 103, classes: int = 7, seed: int = 0) -> np.ndarray:
    return 2 * np.random.default_rng(seed).standard_normal((count, classes)).astype(np.float32)


def as_written(rows: np.ndarray, splits: int) -> np.ndarray:
    """The formula of the paper for each split, without a shuffle."""
    probabilities = softmax(rows.astype(np.float64), axis=1)
    found = []
    for split in range(splits):
        part = probabilities[split * len(rows) // splits : (split + 1) * len(rows) // splits]
        found.append(np.exp(np.mean([entropy(each, part.mean(0)) for each in part])))
    return np.array(found)


@pytest.mark.parametrize("splits", [1, 3, 10])
def test_it_equals_the_formula_of_the_paper(splits: int) -> None:
    mean, deviation = inception_score(logits(), splits, seed=None)
    expected = as_written(logits(), splits)
    assert mean == pytest.approx(expected.mean(), rel=1e-12)
    assert deviation == pytest.approx(expected.std(), rel=1e-9, abs=1e-12)


def test_a_shuffled_split_equals_the_formula_in_another_order() -> None:
    split_of = assign_splits(103, 10, seed=4)
    assert sorted(np.bincount(split_of)) == sorted(np.bincount(assign_splits(103, 10, seed=None)))
    order = np.argsort(split_of, kind="stable")
    mean, _ = inception_score(logits(), 10, seed=4)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(split_of))])
    each = [as_written(logits()[order[start:end]], 1)[0] for start, end in pairwise(bounds)]
    assert mean == pytest.approx(np.mean(each), rel=1e-12)


def test_bounds() -> None:
    certain = np.full((100, 5), -1e4, np.float32)
    certain[np.arange(100), np.arange(100) % 5] = 1e4
    assert inception_score(certain, 2, seed=None)[0] == pytest.approx(5, rel=1e-12)  # every class, with certainty
    assert inception_score(np.ones((100, 5)), 2)[0] == pytest.approx(1, rel=1e-12)  # uniform predictions
    assert inception_score(certain[::5], 2)[0] == pytest.approx(1, rel=1e-12)  # one class


def test_a_set_sorted_by_class_is_shuffled() -> None:
    certain = np.full((1000, 10), -30.0)
    certain[np.arange(1000), np.arange(1000) // 100] = 30
    assert inception_score(certain, 10, seed=None)[0] == pytest.approx(1, abs=1e-6)
    assert inception_score(certain, 10, seed=0)[0] > 9


def test_a_constant_added_to_the_logits_changes_nothing() -> None:
    rows = logits().astype(np.float64)
    assert inception_score(rows + 5000, 3)[0] == pytest.approx(inception_score(rows, 3)[0], rel=1e-9)


def test_merged_sums_equal_the_whole() -> None:
    rows, split_of = logits(5000), assign_splits(5000, 4)
    whole = SplitPredictions.from_logits(rows, split_of, 4)
    parts = [SplitPredictions.from_logits(rows[part], split_of[part], 4) for part in (slice(0, 900), slice(900, 5000))]
    merged = parts[0].merge(parts[1])
    np.testing.assert_array_equal(merged.counts, whole.counts)
    np.testing.assert_allclose(merged.scores(), whole.scores(), rtol=1e-12)


def test_inputs_without_a_score_raise() -> None:
    with pytest.raises(ConfigError, match="from 1 to the 5 pictures"):
        inception_score(logits(5), 6)
    with pytest.raises(ConfigError, match="splits=0"):
        inception_score(logits(5), 0)
    broken = logits()
    broken[3, 3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        inception_score(broken)
    with pytest.raises(DataError, match="do not fill"):
        SplitPredictions.from_logits(logits(5), np.zeros(5, np.int64), 2).scores()


def test_the_metric_and_its_interval() -> None:
    rows = logits(2000)
    value = METRIC.compute(Sample("a", range(2000), logits=rows), None, MetricContext(METRIC.options, seed=2))[  # type: ignore[arg-type]
        "inception_score"
    ]
    assert value.value == inception_score(rows, 10, 2)[0]
    assert value.low is not None
    assert value.high is not None
    assert value.low < value.value < value.high
    assert "200 pictures, from 10 splits" in value.interval
    unshuffled = METRIC.compute(
        Sample("a", range(2000), logits=rows),  # type: ignore[arg-type]
        None,
        MetricContext({"splits": 1, "shuffled": False}),
    )["inception_score"]
    assert unshuffled.value == pytest.approx(as_written(rows, 1)[0], rel=1e-12)
    assert unshuffled.low is None
