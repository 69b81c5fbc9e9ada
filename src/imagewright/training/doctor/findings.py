"""What the doctor says of a run: each finding with its evidence and one thing to try."""

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
    """One thing that is wrong: its name, the figure and the threshold, what to try, and since when."""

    name: str
    evidence: str
    suggestion: str
    images_seen: int

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.suggestion}"

    def as_record(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self)


def judge(lines: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[Finding]:
    """What is wrong at the last of the reports. A pure function of them and of the run's record."""
    return [
        Finding(name, *said, _since(name, lines, record))
        for name, rule in RULES.items()
        if (said := rule(History(lines, record))) is not None
    ]


def _since(name: str, lines: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> int:
    """The images seen from which on the rule has held without a break."""
    since = int(lines[-1]["images_seen"])
    for count in range(len(lines) - 1, max(0, len(lines) - REMEMBERED), -1):
        if RULES[name](History(lines[:count], record)) is None:
            break
        since = int(lines[count - 1]["images_seen"])
    return since


def doctor(run: Run | str | Path) -> list[Finding]:
    """What is wrong with a run as of its last report; empty where nothing was found.

    Empty too where there is nothing to judge by: a run fitted in closed form, imported, without a report, or trained
    before health was watched. `nothing_to_watch` says which. Raises `RunError` where there is no run.
    """
    run = run if isinstance(run, Run) else Run(run)
    lines = run.metrics()
    return [] if nothing_to_watch(run, lines) else judge(lines, run.record)


def looked_at(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the findings that the last report's figures could have led to."""
    health = lines[-1].get("health") or {}
    return [name for name, figure in NEEDED.items() if any(each.startswith(figure) for each in health)]


def nothing_to_watch(run: Run, lines: Sequence[Mapping[str, Any]]) -> str | None:
    """Why the doctor can say nothing of a run, None where it can."""
    if "imported" in run.record:
        return "imported, not trained here: nothing was watched."
    if catalogue.model_class(run.model).is_closed_form():
        return f"{run.model} is fitted in closed form: there is nothing to watch."
    if not lines:
        return "there is no report in it yet: its training has only begun, or ended before its first."
    if not isinstance(lines[-1].get("health"), dict):
        return "its reports hold no figures of health: it was trained by a version that did not watch them."
    return None
