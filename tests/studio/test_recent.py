"""`Recent`: values that pages ask for again and again, from several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagewright.studio.serving.recent import Recent


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_a_value_is_made_once_and_keeps_no_other_waiting(threads: ThreadPoolExecutor) -> None:
    recent, made, begun, go = Recent[str, int](4), list[str](), threading.Event(), threading.Event()

    def slow() -> int:
        made.append("slow")
        begun.set()
        go.wait(20)
        return 1

    first, second = threads.submit(recent.get, "slow", slow), threads.submit(recent.get, "slow", slow)
    begun.wait(20)
    assert recent.get("quick", lambda: 2) == 2  # while the other one is being made
    go.set()
    assert (first.result(20), second.result(20), made) == (1, 1, ["slow"])


def test_what_was_used_longest_ago_leaves() -> None:
    recent, made = Recent[str, str](2), list[str]()

    def get(key: str) -> str:
        return recent.get(key, lambda: made.append(key) or key)

    for key in ("a", "b", "a", "c", "a", "b"):
        assert get(key) == key
    assert made == ["a", "b", "c", "b"]
    recent.forget(lambda key: key == "b")
    get("a"), get("b")
    assert made == ["a", "b", "c", "b", "b"]


def test_a_failure_is_not_kept() -> None:
    recent = Recent[str, float](2)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 / 0)
    assert recent.get("a", lambda: 1.0) == 1.0
