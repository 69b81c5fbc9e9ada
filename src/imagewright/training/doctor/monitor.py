"""The doctor as an observer of a training: it examines the model at each report and logs new findings."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from imagewright.errors import RunError
from imagewright.runs.report.page import write_report
from imagewright.training.doctor.findings import Finding, diagnose
from imagewright.training.doctor.history import REMEMBERED
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.observers import Line, Observer, Training


class Doctor(Observer):
    """Adds `health` and `findings` to each report; on the main rank."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.lines: list[dict[str, Any]] = []  # the latest reports
        self.reported: set[str] = set()  # findings that were logged, also by processes that trained the run before

    def begin(self, training: Training) -> None:
        self.training = training
        self.examiner = Examiner(training.model, training.sources, training.held_out, training.plan.seed)
        if training.images_seen:
            earlier = training.run.metrics()
            self.lines = earlier[-REMEMBERED:]
            self.reported = {str(found.get("name")) for line in earlier for found in line.get("findings", [])}

    def at(self, images_seen: int, line: Line | None) -> None:
        if line is None:
            return
        line["health"] = self.examiner.figures(self.training.engine, images_seen)
        self.lines = [*self.lines, line][-REMEMBERED:]
        findings = diagnose(self.lines, self.training.run.record)
        line["findings"] = [finding.to_dict() for finding in findings]
        new = [finding for finding in findings if finding.name not in self.reported]
        self.reported |= {finding.name for finding in new}
        self._log(new)

    def broke(self, line: Line) -> None:
        """The model cannot be examined any more, only its gradients. A run that never reported is removed anyway."""
        if not self.lines:
            return
        line["health"] = self.training.engine.gradient_norms.read()
        findings = diagnose([*self.lines, line], self.training.run.record)
        line["findings"] = [finding.to_dict() for finding in findings]
        self._log(findings)
        with suppress(RunError):  # the breakdown itself is what the user must hear of
            self.training.run.append_metrics(line)
            write_report(self.training.run.path)

    def _log(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.training.reporter.message(f"doctor: {finding}")
