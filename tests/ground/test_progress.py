"""Progress: counts of several threads add up, and each change is reported once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from imagewright.progress import ProgressCounter, progress_of_stage


def test_counts_of_several_threads_add_up() -> None:
    counter = ProgressCounter(8000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [counter.add() for _ in range(1000)], range(8)))
    assert counter.done == 8000


def test_a_count_is_reported_when_it_has_changed() -> None:
    reports: list[tuple[int, int]] = []
    counter = ProgressCounter(6, lambda done, total: reports.append((done, total)))
    counter.report()
    counter.report()
    counter.add(2)
    assert reports == [(0, 6)]
    counter.report()
    counter.advance(4)
    assert reports == [(0, 6), (2, 6), (6, 6)]


def test_without_a_listener_nothing_is_reported() -> None:
    counter = ProgressCounter(2)
    counter.advance(2)
    assert counter.done == 2
    assert progress_of_stage(None, "reading") is None


def test_the_progress_of_a_stage_carries_its_name() -> None:
    reports: list[tuple[str, int, int]] = []
    listener = progress_of_stage(lambda *report: reports.append(report), "reading")
    assert listener is not None
    listener(1, 3)
    assert reports == [("reading", 1, 3)]
