"""Three metrics order five kinds of damage, level by level, on both sets that come with the package's dependencies.

By simple features, so that it takes seconds; on larger sets, by a network's features: benchmarks/metric_ranking.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from picture_sets import Averages

import imagewright as iw
from imagewright.metrics.registry import metric_named
from imagewright.metrics.self_check.check import self_check
from imagewright.metrics.self_check.expectations import BEYOND_CHANCE
from imagewright.metrics.self_check.results import Reading, SelfCheck

CORRUPTED = ("blur", "noise", "rectangles", "salt_and_pepper", "mode_dropping")
ORDERING = ("fd", "kd", "coverage")


@pytest.mark.parametrize(("source", "count"), [("digits", 300), ("faces", 50)])
def test_each_level_is_worse_than_the_one_before(source: str, count: int) -> None:
    metrics = [metric_named(name) for name in ("fd", "kd", "density_coverage")]
    options = {"kd": {"subsets": 10}}
    check = self_check(
        iw.open_images(source).prepare(), metrics, Averages(), options=options, corruptions=CORRUPTED, count=count
    )
    wrong = [
        (each.output.name, each.corruption, each.verdict.judgement, each.values)
        for each in check.readings
        if each.output.name in ORDERING and (each.verdict.judgement != "as it should" or steps_back(check, each))
    ]
    assert wrong == []


def steps_back(check: SelfCheck, reading: Reading) -> bool:
    """Whether a level is better than the one before by more than clean halves differ from one another."""
    clean = check.clean[reading.output.name]
    steps = np.diff([np.mean(clean), *reading.values]) * (1 if reading.expected.way == "rises" else -1)
    return bool((steps < -BEYOND_CHANCE * np.std(clean, ddof=1)).any())
