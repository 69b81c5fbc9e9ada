"""What the doctor says of a run: each finding with its evidence and one thing to try."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.errors import UserError
from imagewright.runs.run import Run
from imagewright.training.doctor.history import REMEMBERED, History
from imagewright.training.doctor.rules import RULES


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

    Raises `UserError` for a run that left nothing to judge by: one fitted in closed form, imported, not yet reported,
    or made before health was watched.
    """
    run = run if isinstance(run, Run) else Run(run)
    lines = run.metrics()
    reason = nothing_to_watch(run, lines)
    if reason:
        raise UserError(f"{run.path}: {reason}")
    return judge(lines, run.record)


def nothing_to_watch(run: Run, lines: Sequence[Mapping[str, Any]]) -> str | None:
    """Why the doctor can say nothing of a run, None where it can."""
    if "imported" in run.record:
        return "imported, not trained here: nothing was watched."
    if catalogue.model_class(run.model).is_closed_form():
        return f"{run.model} is fitted in closed form: there is nothing to watch."
    if not lines:
        return "there is no report in it yet: its training has only begun, or ended before its first."
    if not any(isinstance(line.get("health"), dict) for line in lines):
        return "its reports hold no figures of health: it was trained by a version that did not watch them."
    return None
