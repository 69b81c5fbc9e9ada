"""Lines of text in a pipe or a notebook: never silent for long."""

from __future__ import annotations

import io
import time
from itertools import pairwise
from pathlib import Path

import pytest
from tiny import BATCH, simple_pictures, train_tiny

from imagewright.training import reporting
from imagewright.training.reporting import PlainLines, report_line, tell_if_slow


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(reporting.time, "monotonic", made)
    return made


def lines_by_time(clock: Clock, seconds: int, call: object) -> list[int]:
    """The seconds at which a call each second printed a line."""
    stream, printed = io.StringIO(), []
    reporter = PlainLines(stream)
    start = clock.now
    for second in range(1, seconds + 1):
        before = len(stream.getvalue())
        clock.now = start + second
        call(reporter, second)  # type: ignore[operator]
        if len(stream.getvalue()) > before:
            printed.append(second)
    return printed


@pytest.mark.parametrize("what", ["preparing", "training"])
def test_a_line_comes_within_ten_seconds_and_then_ever_more_rarely(what: str, clock: Clock) -> None:
    def call(reporter: PlainLines, second: int) -> None:
        if what == "preparing":
            reporter.preparing(second, 10_000)
        else:
            reporter.progressed(second * 64)

    printed = lines_by_time(clock, 3600, call)
    assert printed[0] <= 10
    gaps = [after - before for before, after in pairwise(printed)]
    assert all(gap <= 302 for gap in gaps)
    assert gaps == sorted(gaps)
    assert len(printed) < 25


def test_no_line_of_progress_between_frequent_reports(clock: Clock) -> None:
    report = {"images_seen": 64, "images_per_second": 9.0, "losses": {"loss": 1.0}}

    def call(reporter: PlainLines, second: int) -> None:
        reporter.progressed(second * 64)
        if second % 5 == 0:
            reporter.reported(report)

    assert lines_by_time(clock, 60, call) == list(range(5, 61, 5))


def test_the_line_has_the_images_and_the_rate(clock: Clock) -> None:
    stream = io.StringIO()
    reporter = PlainLines(stream)
    reporter.total = 64_000
    reporter.progressed(0)
    clock.now += 20
    reporter.progressed(12_800)
    assert stream.getvalue().split() == ["12,800", "/", "64,000", "images", "640/s"]


def test_what_is_slow_is_said_and_what_is_quick_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "SLOW", 0.01)
    said: list[str] = []
    with tell_if_slow(said.append, "looking through photos/ ..."):
        deadline = time.monotonic() + 10
        while not said and time.monotonic() < deadline:
            time.sleep(0.005)
    assert said == ["looking through photos/ ..."]
    monkeypatch.setattr(reporting, "SLOW", 60.0)
    with tell_if_slow(said.append, "another"):
        pass
    assert len(said) == 1


def test_a_training_in_a_pipe_names_its_reports(tmp_path: Path) -> None:
    stream = io.StringIO()
    train_tiny("vae", simple_pictures(), tmp_path / "run", reporter=PlainLines(stream))
    assert f"{4 * BATCH} / {4 * BATCH} images" in stream.getvalue()


def test_a_line_of_many_losses_has_the_sum_of_each_phase() -> None:
    few = {"generator/fake": 1.5, "discriminator/real": 0.25}
    report = {"images_seen": 8, "images_per_second": 2.0, "losses": few, "derived_metrics": {"distance": 4.0}}
    assert report_line(report, 80).endswith("generator/fake 1.5  discriminator/real 0.25  distance 4")
    many = {f"generators/term_{number}": 0.5 for number in range(8)} | {"discriminator/real": 0.25}
    shown = report_line(report | {"losses": many}, 80)
    assert shown.endswith("generators (8 terms) 4  discriminator (1 term) 0.25  distance 4")
