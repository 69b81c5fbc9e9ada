"""Three metrics rank five corruptions by level, on both data sets of the package's dependencies.

With simple features, so that it takes seconds; larger sets and features of a network: benchmarks/metric_ranking.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from picture_sets import Averages

import imagewright as iw
from imagewright.metrics.self_check.expectations import CHANCE
from imagewright.metrics.self_check.results import Measurement, SelfCheck

CORRUPTIONS = ("blur", "noise", "rectangles", "salt_and_pepper", "mode_dropping")
RANKING = ("fd", "kd", "coverage")


@pytest.mark.parametrize(("source", "count"), [("digits", 300), ("faces", 50)])
def test_each_level_is_worse_than_the_one_before(source: str, count: int) -> None:
    metrics = ["fd", "kd:subsets=10", "density_coverage"]
    check = iw.self_check(source, metrics, Averages(), corruptions=CORRUPTIONS, count=count)
    wrong = [
        (each.output.name, each.corruption, each.verdict.outcome, each.values)
        for each in check.measurements
        if each.output.name in RANKING and (each.verdict.outcome != "as expected" or steps_back(check, each))
    ]
    assert wrong == []


def steps_back(check: SelfCheck, measurement: Measurement) -> bool:
    """Whether a level is better than the one before by more than clean halves differ from one another."""
    clean = check.clean[measurement.output.name]
    steps = np.diff([np.mean(clean), *measurement.values]) * (1 if measurement.expected.direction == "rises" else -1)
    return bool((steps < -CHANCE * np.std(clean, ddof=1)).any())
