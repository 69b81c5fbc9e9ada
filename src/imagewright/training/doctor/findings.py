"""The diagnosis of a run: each finding with its evidence and one thing to try."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.runs.run import Run
from imagewright.training.doctor.history import REMEMBERED, History
from imagewright.training.doctor.rules import NEEDED, RULES


@dataclass(frozen=True)
class Finding:
    """A problem of a training: its name, the figure with its threshold, what to try, and since when."""

    name: str
    evidence: str
    suggestion: str
    images_seen: int

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.suggestion}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self)


def diagnose(lines: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[Finding]:
    """The problems at the last report. A pure function of the reports and of the run's record."""
    return [
        Finding(name, *found, _since(name, lines, record))
        for name, rule in RULES.items()
        if (found := rule(History(lines, record))) is not None
    ]


def _since(name: str, lines: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> int:
    """The images seen since which the rule has held at every report."""
    since = int(lines[-1]["images_seen"])
    for count in range(len(lines) - 1, max(0, len(lines) - REMEMBERED), -1):
        if RULES[name](History(lines[:count], record)) is None:
            break
        since = int(lines[count - 1]["images_seen"])
    return since


def doctor(run: Run | str | Path) -> list[Finding]:
    """The problems of a run at its last report; empty if none was found.

    Also empty for a run that cannot be diagnosed: fitted in closed form, imported, without a report, or trained by a
    version that measured no health. `why_not_diagnosed` says which. Raises `RunError` if there is no run.
    """
    run = run if isinstance(run, Run) else Run(run)
    lines = run.metrics()
    return [] if why_not_diagnosed(run, lines) else diagnose(lines, run.record)


def rules_applied(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the rules whose figures the last report has."""
    health = lines[-1].get("health") or {}
    return [name for name, figure in NEEDED.items() if any(each.startswith(figure) for each in health)]


def why_not_diagnosed(run: Run, lines: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a run cannot be diagnosed; None if it can."""
    if "imported" in run.record:
        return "imported, not trained here: nothing was measured."
    if catalogue.model_class(run.model).is_closed_form():
        return f"{run.model} is fitted in closed form: it has no training steps to diagnose."
    if not lines:
        return "there is no report in it yet: its training has only begun, or ended before its first."
    if not isinstance(lines[-1].get("health"), dict):
        return "its reports hold no figures of health: it was trained by a version that did not measure them."
    return None
