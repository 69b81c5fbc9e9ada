"""The diagnosis of a run: findings, each with its evidence and one option to try."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.errors import count_text
from imagewright.notebooks import NotebookDisplay
from imagewright.runs.loading import recorded_config
from imagewright.runs.lock import is_training
from imagewright.runs.run import Run
from imagewright.training.doctor.history import LATEST_REPORTS, History, as_mapping
from imagewright.training.doctor.remedies import Remedy
from imagewright.training.doctor.rules import FROM_THE_START, NEEDED, RULES

NEEDED_REPORTS = 3  # in a row at which a rule must hold
NEVER_EXAMINED = (
    "whether pictures are good (`imagewright evaluate`), and whether samples are of the class or attributes asked for"
)


@dataclass(frozen=True)
class Finding:
    """A problem of a training.

    name: of the rule, such as "posterior collapse".
    evidence: the figure and its threshold.
    remedy: one option to try.
    images_seen: at the first of the latest reports at all of which the rule holds.
    """

    name: str
    evidence: str
    remedy: Remedy
    images_seen: int

    @property
    def suggestion(self) -> str:
        """The remedy as a sentence."""
        return self.remedy.sentence

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}. {self.suggestion}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dataclasses.asdict(self) | {"suggestion": self.suggestion}


def diagnose(
    reports: Sequence[Mapping[str, Any]], record: Mapping[str, Any], *, ended: bool | None = None
) -> list[Finding]:
    """The problems at the last report. A pure function of its arguments.

    reports: lines of metrics.jsonl, earliest first, at least one.
    record: the content of run.json.
    ended: whether the training is over, so that it is judged as it is; by default if all planned images are seen.
    """
    history = _history(reports, record, ended)
    return [
        Finding(name, *found, _since(name, history))
        for name, rule in RULES.items()
        if (found := rule(history)) is not None
    ]


def _history(reports: Sequence[Mapping[str, Any]], record: Mapping[str, Any], ended: bool | None) -> History:
    history = History(reports, record)
    planned = history.planned("images_seen")
    is_ended = 0 < planned <= history.images_seen if ended is None else ended
    return History(reports, record, is_ended)


def _since(name: str, history: History) -> int:
    """Images seen at the first of the latest reports at all of which the rule holds."""
    reports = history.reports
    since = int(reports[-1]["images_seen"])
    for count in range(len(reports) - 1, max(0, len(reports) - LATEST_REPORTS), -1):
        if RULES[name](History(reports[:count], history.record)) is None:
            break
        since = int(reports[count - 1]["images_seen"])
    return since


def doctor(run: Run | str | Path) -> list[Finding]:
    """The problems of a run at its last report; empty if none was found.

    run: the run, or its directory. Its training may still be in progress; one that was stopped is judged as it is.

    The result is also empty for a run that cannot be diagnosed: one that was fitted in closed form or imported, has no
    report yet, or was trained by a version without the doctor. `why_not_diagnosed` returns the reason. It is also empty
    if it is too early to say: `examine` returns which rules were examined, and which were not. Raises `RunError` if
    there is no run.
    """
    run = run if isinstance(run, Run) else Run(run)
    reports = run.metrics()
    if why_not_diagnosed(run, reports):
        return []
    recorded_config(run, in_parts=True)  # the remedies depend on its options
    return diagnose(reports, run.record, ended=not is_training(run.path))


@dataclass(frozen=True)
class Examination(NotebookDisplay):
    """What a diagnosis rests on.

    findings: the problems.
    images_seen: at the last report.
    examined: names of the rules that were examined.
    too_early: names of rules whose figures are measured, but not often or long enough.
    not_measured: names of rules whose figures this model does not have.
    waits_for: images seen from which on all rules can be examined.
    stopped_at: images seen and images planned, if the training was stopped before its end.
    fewest_images: seen in the shortest training that shows whether a network learns.
    ended: whether the training is over.
    """

    findings: list[Finding]
    images_seen: int
    examined: list[str]
    too_early: list[str]
    not_measured: list[str]
    waits_for: int
    stopped_at: tuple[int, int] | None
    fewest_images: int
    ended: bool

    @property
    def headline(self) -> str | None:
        """What there is to say if there are no findings; None if there are."""
        if self.findings:
            return None
        at = f"at {self.images_seen:,} images seen"
        is_short = self.images_seen < self.fewest_images
        if self.ended and is_short:
            return (
                f"Too short to judge: {count_text(self.images_seen, 'image')} seen. A network shows whether it learns "
                f"from some {self.fewest_images:,} images on, and good pictures take many more."
            )
        if self.too_early or is_short:
            needed = f" A network shows it from some {self.fewest_images:,} images on." if is_short else ""
            so_far = "nothing wrong so far in what could be examined."
            return f"Too early to say whether this training works {at}: {so_far}{needed}"
        return f"Nothing wrong found in what was examined {at}. No rule examines whether pictures are good."

    def lines(self) -> list[str]:
        """The headline if there are no findings, and what was examined, what not yet, and what not at all."""
        lines = [] if self.headline is None else [self.headline]
        if self.stopped_at is not None:
            seen, planned = self.stopped_at
            lines.append(f"Stopped at {seen:,} of {planned:,} images: judged as it is. --resume goes on.")
        lines.append(f"Examined: {', '.join(self.examined) or 'nothing'}.")
        if self.too_early:
            wait = "Those need a training of" if self.ended else "Those wait for"
            needed = f"{wait} {self.waits_for:,} images seen."
            if self.ended and self.waits_for <= self.images_seen:
                needed = "Those need more reports."
            lines.append(f"Too early for: {', '.join(self.too_early)}. {needed}")
        if self.not_measured:
            lines.append(f"Not examined, as this model has no such figures: {', '.join(self.not_measured)}.")
        lines.append(f"Not examined by any rule: {NEVER_EXAMINED}.")
        return lines


def examine(run: Run | str | Path, *, ended: bool | None = None) -> Examination:
    """The diagnosis of a run that can be diagnosed, with what was examined and what was not.

    ended: whether the training is over; by default unless a process trains in the run.
    """
    run = run if isinstance(run, Run) else Run(run)
    is_ended = not is_training(run.path) if ended is None else ended
    return examine_reports(run.metrics(), run.record, ended=is_ended)


def examine_reports(
    reports: Sequence[Mapping[str, Any]], record: Mapping[str, Any], *, ended: bool | None = None
) -> Examination:
    """As `examine`, of reports and a record. A pure function of its arguments."""
    history = _history(reports, record, ended)
    measured = rules_applied(reports)
    early = [name for name in measured if not _can_be_examined(name, history)]
    planned, every = int(history.planned("images_seen")), _interval(reports)
    missing = 0 if history.ended else max(0, NEEDED_REPORTS - len(reports))
    return Examination(
        findings=diagnose(reports, record, ended=ended),
        images_seen=history.images_seen,
        examined=[name for name in measured if name not in early],
        too_early=early,
        not_measured=[name for name in RULES if name not in measured],
        waits_for=max(history.begins_at, history.images_seen + missing * every),
        stopped_at=(history.images_seen, planned) if history.ended and history.images_seen < planned else None,
        fewest_images=history.fewest_images,
        ended=history.ended,
    )


def _can_be_examined(name: str, history: History) -> bool:
    """Whether a rule whose figures are in the last report can hold there already."""
    if name == "noise" and history.ended:
        return True
    if name == "gradients exploding":  # which are compared with those of earlier reports
        return len(history.reports) > NEEDED_REPORTS
    if name == "gradients not finite":
        return True
    enough = history.ended or len(history.reports) >= NEEDED_REPORTS
    return enough and (name in FROM_THE_START or history.has_begun)


def _interval(reports: Sequence[Mapping[str, Any]]) -> int:
    """Images between the last two reports."""
    seen = [0, *(int(report["images_seen"]) for report in reports[-2:])]
    return seen[-1] - seen[-2]


def rules_applied(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the rules whose figures are in the last report."""
    figures = as_mapping(reports[-1].get("health"))
    return [
        name
        for name, patterns in NEEDED.items()
        if any(fnmatchcase(figure, pattern) for figure in figures for pattern in patterns)
    ]


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
