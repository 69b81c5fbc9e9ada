"""The diagnosis of a run: findings, each with its evidence and one option to try."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.runs.loading import recorded_config
from imagewright.runs.run import Run
from imagewright.training.doctor.history import LATEST_REPORTS, History, as_mapping
from imagewright.training.doctor.rules import FROM_THE_START, NEEDED, RULES


@dataclass(frozen=True)
class Finding:
    """A problem of a training.

    name: of the rule, such as "posterior collapse".
    evidence: the figure and its threshold.
    suggestion: one option to try.
    images_seen: at the first of the latest reports at all of which the rule holds.
    """

    name: str
    evidence: str
    suggestion: str
    images_seen: int

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.suggestion}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self)


def diagnose(reports: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[Finding]:
    """The problems at the last report. A pure function of its arguments.

    reports: lines of metrics.jsonl, earliest first, at least one.
    record: the content of run.json.
    """
    return [
        Finding(name, *found, _since(name, reports, record))
        for name, rule in RULES.items()
        if (found := rule(History(reports, record))) is not None
    ]


def _since(name: str, reports: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> int:
    """Images seen at the first of the latest reports at all of which the rule holds."""
    since = int(reports[-1]["images_seen"])
    for count in range(len(reports) - 1, max(0, len(reports) - LATEST_REPORTS), -1):
        if RULES[name](History(reports[:count], record)) is None:
            break
        since = int(reports[count - 1]["images_seen"])
    return since


def doctor(run: Run | str | Path) -> list[Finding]:
    """The problems of a run at its last report; empty if none was found.

    run: the run, or its directory. Its training may still be in progress.

    The result is also empty for a run that cannot be diagnosed: one that was fitted in closed form or imported, has no
    report yet, or was trained by a version without the doctor. `why_not_diagnosed` returns the reason. Raises
    `RunError` if there is no run.
    """
    run = run if isinstance(run, Run) else Run(run)
    reports = run.metrics()
    if why_not_diagnosed(run, reports):
        return []
    recorded_config(run, in_parts=True)  # the suggestions depend on its options
    return diagnose(reports, run.record)


def rules_applied(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the rules whose figures are in the last report."""
    figures = as_mapping(reports[-1].get("health"))
    return [
        name
        for name, patterns in NEEDED.items()
        if any(fnmatchcase(figure, pattern) for figure in figures for pattern in patterns)
    ]


def what_was_looked_at(reports: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[str]:
    """Sentences: the rules that were applied to the last report, and those for which it is too early."""
    history, names = History(reports, record), rules_applied(reports)
    early = [] if history.has_begun else [name for name in names if name not in FROM_THE_START]
    lines = [f"Looked at: {', '.join(name for name in names if name not in early)}."]
    if early:
        lines.append(f"Too early for: {', '.join(early)}. Those wait for {history.begins_at:,} images seen.")
    return lines


def why_not_diagnosed(run: Run, reports: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a run cannot be diagnosed, as a sentence; None if it can."""
    if "imported" in run.record:
        return "The run was imported, not trained here: nothing was measured."
    if catalogue.model_class(run.model).is_closed_form():
        return f"{run.model} is fitted in closed form: it has no training steps to diagnose."
    if not reports:
        return "The run has no report yet: its training has only begun, or ended before its first report."
    if not isinstance(reports[-1].get("health"), dict):
        return "The reports of the run have no measurements: it was trained by a version without the doctor."
    return None
