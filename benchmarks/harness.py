"""What the benchmarks share: two ways of doing one thing, timed in turn, and a table of ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each, A B A B ...: a machine that drifts then slows both alike. One round before is not counted."""
    ours(), theirs()
    pairs = [(seconds_of(ours), seconds_of(theirs)) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def table(what: str, count: int, unit: str, names: tuple[str, str], times: tuple[list[float], list[float]]) -> float:
    """Print both speeds (medians) and the ratio pair by pair; returns the median ratio, above 1: ours is faster."""
    ratios = sorted(theirs / ours for ours, theirs in zip(*times, strict=True))
    print(f"\n{what}")
    for name, seconds in zip(names, times, strict=True):
        print(f"  {name:<28} {count / statistics.median(seconds):>12,.1f} {unit}")
    middle = statistics.median(ratios)
    print(f"  ratio {middle:.3f} (from {ratios[0]:.3f} to {ratios[-1]:.3f} over {len(ratios)} pairs)")
    return middle
