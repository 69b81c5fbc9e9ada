"""The reports of a run as curves and findings, gathered in one pass and in bounded memory, however many there are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagewright.runs.report.curves import Point, Points, lowest_and_highest
from imagewright.runs.run import derived_metrics

MOST_POINTS = 4096  # of a curve that are kept; a page shows fewer
SCALES_APART = 30  # terms of one phase whose medians differ by more than this factor get separate panels
MOST_VALUES = 4096  # of a curve, from which its median is taken

Finding = Mapping[str, Any]


class LongCurve:
    """A curve of any number of points: all of them, or from some thousand on the lowest and the highest of each
    interval, so that spikes stay. Values that are not finite are left out.
    """

    def __init__(self) -> None:
        self._points: Points = []
        self._open: Points = []  # of the interval that is not full yet
        self._interval = 1  # points of it
        self._last: Point | None = None
        self._values: list[float] = []  # every so many, evenly
        self._values_apart, self._count = 1, 0

    def add(self, x: float, y: float) -> None:
        """Add a point to the right of the others."""
        if not math.isfinite(y):
            return
        self._last = (x, y)
        self._open.append(self._last)
        if len(self._open) >= self._interval:
            self._points += lowest_and_highest(self._open)
            self._open.clear()
        if len(self._points) > MOST_POINTS:
            self._points = [
                point
                for start in range(0, len(self._points), 4)
                for point in lowest_and_highest(self._points[start : start + 4])
            ]
            self._interval = max(4, 2 * self._interval)
        if self._count % self._values_apart == 0:
            self._values.append(y)
        self._count += 1
        if len(self._values) > MOST_VALUES:
            self._values = self._values[::2]
            self._values_apart *= 2

    def points(self) -> Points:
        """The points, from left to right, with the last one."""
        points = [*self._points, *lowest_and_highest(self._open)] if self._open else list(self._points)
        return points if self._last is None or points[-1] == self._last else [*points, self._last]

    def median(self, *, absolute: bool = False) -> float | None:
        """The median of the values, or of their absolute values; None if there are none."""
        return statistics.median(abs(y) if absolute else y for y in self._values) if self._values else None


@dataclass
class TrainingHistory:
    """What a run's page shows of its reports. Reports in which `images_seen` does not grow are left out of curves.

    over: what the curves are over: "images_seen" or "seconds".
    losses, derived, rates, health: curves by name.
    speed: images a second.
    memory: MiB.
    last: the last report; None if there is none.
    diagnosed: the last report that the doctor examined; None if there is none.
    passed: findings of earlier reports by name, each as it was last found.
    """

    over: str = "images_seen"
    losses: dict[str, LongCurve] = field(default_factory=dict)
    derived: dict[str, LongCurve] = field(default_factory=dict)
    rates: dict[str, LongCurve] = field(default_factory=dict)
    health: dict[str, LongCurve] = field(default_factory=dict)
    speed: LongCurve = field(default_factory=LongCurve)
    memory: LongCurve = field(default_factory=LongCurve)
    last: Mapping[str, Any] | None = None
    diagnosed: Mapping[str, Any] | None = None
    passed: dict[str, Finding] = field(default_factory=dict)

    @classmethod
    def gather(cls, reports: Iterable[dict[str, Any]], over: str = "images_seen") -> TrainingHistory:
        """The history of reports, which are read once."""
        history = cls(over)
        for report in reports:
            history.add(report)
        return history

    def add(self, report: dict[str, Any]) -> None:
        """Take in one more report."""
        self._diagnose(report)
        if report["images_seen"] > (-1 if self.last is None else self.last["images_seen"]):
            self._add(report)

    def findings(self) -> dict[str, Finding]:
        """The findings of the last report that the doctor examined, by name."""
        return {} if self.diagnosed is None else _named(self.diagnosed)

    def _diagnose(self, report: dict[str, Any]) -> None:
        if isinstance(report.get("findings"), list):
            self.passed |= self.findings()
            self.diagnosed = report

    def _add(self, report: dict[str, Any]) -> None:
        self.last, seen = report, report.get(self.over)
        if not isinstance(seen, (int, float)):  # a report of an earlier version
            return
        for curves, values in (
            (self.losses, report.get("losses")),
            (self.derived, derived_metrics(report)),
            (self.rates, report.get("learning_rates")),
            (self.health, report.get("health")),
        ):
            for name, value in _numbers(values).items():
                curves.setdefault(name, LongCurve()).add(seen, value)
        figures = _numbers(report)
        if "images_per_second" in figures:
            self.speed.add(seen, figures["images_per_second"])
        if "memory_bytes" in figures:
            self.memory.add(seen, round(figures["memory_bytes"] / 2**20))


def _named(report: Mapping[str, Any]) -> dict[str, Finding]:
    return {str(found.get("name")): found for found in report["findings"] if isinstance(found, dict)}


def _numbers(values: Any) -> dict[str, float]:
    if not isinstance(values, dict):
        return {}
    return {str(name): float(value) for name, value in values.items() if isinstance(value, (int, float))}


def group_terms(terms: Mapping[str, LongCurve]) -> dict[str, list[str]]:
    """Names of terms by panel: one for each phase, or several, so that a large term does not flatten a small one."""
    phases: dict[str, list[str]] = {}
    for name in terms:
        phases.setdefault(name.partition("/")[0], []).append(name)
    families: dict[str, list[str]] = {}
    for phase, names in phases.items():
        size = {name: terms[name].median(absolute=True) or 0.0 for name in names}
        groups: list[list[str]] = []
        for name in sorted(names, key=lambda name: -size[name]):
            if groups and size[name] * SCALES_APART >= size[groups[-1][0]]:
                groups[-1].append(name)
            else:
                groups.append([name])
        for group in groups:
            label = phase if len(groups) == 1 else f"{phase}: {', '.join(name.partition('/')[2] for name in group)}"
            families[label] = [name for name in names if name in group]
    return families
