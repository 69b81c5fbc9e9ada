"""When reports and checkpoints are due: soon, then ever more rarely, and as a function of images seen alone."""

from __future__ import annotations

from itertools import pairwise

import pytest

from imagewright.training.milestones import Milestones, Pace, is_due, plan_pace

BATCH = 16


def points(milestones: Milestones, total: int, batch_size: int = BATCH) -> list[int]:
    """The points at which steps of a training find something due. Many steps in which nothing is due are skipped."""
    found, most = [], 256 * batch_size
    for start in range(0, total, most):
        if is_due(milestones, start, start + most):
            steps = range(start + batch_size, min(start + most, total) + 1, batch_size)
            found += [seen for seen in steps if is_due(milestones, seen - batch_size, seen)]
    return found


def test_in_a_range_something_is_due_if_it_is_in_one_of_its_steps() -> None:
    milestones = Milestones(48, 640)
    steps = [is_due(milestones, seen, seen + BATCH) for seen in range(0, 20_000, BATCH)]
    for start in range(0, 1000, 7):
        assert is_due(milestones, start * BATCH, (start + 20) * BATCH) == any(steps[start : start + 20])


@pytest.mark.parametrize(("first", "largest"), [(16, 160), (48, 48), (64, 16), (16, 16_000), (96, 100)])
def test_each_point_is_twice_the_one_before_until_they_are_evenly_spaced(first: int, largest: int) -> None:
    found = [seen for seen in range(1, 5000) if is_due(Milestones(first, largest), seen - 1, seen)]
    assert found[0] == first
    for before, after in pairwise(found):
        assert after == (2 * before if before < largest else before + largest)


def pace(seconds: float, rate: float, **changes: int) -> Pace:
    usual = {"from_image": 0, "checkpoint_bytes": 10**7}
    return plan_pace(rate, int(seconds * rate), BATCH, **(usual | changes))


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [(seconds, rate) for seconds in (60, 600, 3600, 100_000) for rate in (2.0, 20.0, 200.0, 5000.0)][:-1],
)
def test_the_first_report_comes_within_seconds_and_there_are_not_many(seconds: float, rate: float) -> None:
    found = [seen / rate for seen in points(pace(seconds, rate).reports, int(seconds * rate))]
    assert found[0] <= max(10.5, 2 * BATCH / rate)
    assert len(found) <= 45
    if seconds >= 600 and rate >= 20:
        assert len(found) >= 10
    saved = [seen / rate for seen in points(pace(seconds, rate).checkpoints, int(seconds * rate))]
    assert saved[0] <= 60
    assert max(after - before for before, after in pairwise([0.0, *saved, seconds])) <= 2 * 900


@pytest.mark.parametrize("rate", [2.0, 20.0, 200.0])
def test_reports_take_a_bounded_share_of_a_training(rate: float) -> None:
    for seconds in (30.0, 600.0, 6000.0):
        count = len(points(pace(seconds, rate).reports, int(seconds * rate)))
        each = 0.1 + 60 / rate
        assert count * each <= 0.05 * seconds + 6 * each


def test_large_checkpoints_are_written_rarely() -> None:
    small, large = (pace(3600, 100.0, checkpoint_bytes=size).checkpoints for size in (10**6, 10**10))
    assert large.largest > small.largest
    assert large.first > small.first


def test_nothing_is_due_before_the_rate_was_known() -> None:
    found = plan_pace(1000.0, 100_000, BATCH, from_image=4096, checkpoint_bytes=1)
    assert min(found.reports.first, found.checkpoints.first) > 4096


@pytest.mark.parametrize(
    "record", [None, {}, [], {"reports": 3}, {"reports": {"first": 0, "largest": 1}, "checkpoints": {"first": 1}}]
)
def test_a_damaged_or_missing_record_is_no_pace(record: object) -> None:
    assert Pace.from_dict(record) is None
