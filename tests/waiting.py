"""How tests wait for what processes, threads and pages do: for a condition, as long as a busy machine may need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 180.0  # seconds after which what a test waits for does not come; a quiet machine needs a few of them
PAUSE = 0.02  # seconds between two looks

Value = TypeVar("Value")


def wait_until(
    holds: Callable[[], Value], said: Callable[[], object] | str = "", *, pause: Callable[[float], object] = time.sleep
) -> Value:
    """Wait until something holds; returns what `holds` returned.

    said: what is wrong if it never does.
    pause: waits some seconds; in a test with a browser, the browser goes on meanwhile.
    """
    end = time.monotonic() + PATIENCE
    while not (value := holds()):
        assert time.monotonic() < end, said() if callable(said) else said
        pause(PAUSE)
    return value
