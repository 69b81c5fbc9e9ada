"""The doctor beside a running training: at each report it examines, judges, and says what it has not said before."""

from __future__ import annotations

from typing import Any

from imagewright.runs.run import Run
from imagewright.training.doctor.findings import Finding, judge
from imagewright.training.doctor.history import REMEMBERED
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.engine import Engine


class Watch:
    """What was reported last, and what was said already: of this process, and of those that trained the run before."""

    def __init__(self, run: Run, examiner: Examiner) -> None:
        self.run, self.examiner = run, examiner
        self.lines: list[dict[str, Any]] = []
        self.said: set[str] = set()

    def resume(self) -> None:
        """Take up what the run reported before."""
        earlier = self.run.metrics()
        self.lines = earlier[-REMEMBERED:]
        self.said = {str(found.get("name")) for line in earlier for found in line.get("findings", [])}

    def report(self, line: dict[str, Any], engine: Engine) -> list[Finding]:
        """Add `health` and `findings` to a report about to be written; returns the findings that are new."""
        line["health"] = self.examiner.figures(engine, line["images_seen"])
        self.lines = [*self.lines, line][-REMEMBERED:]
        findings = judge(self.lines, self.run.record)
        line["findings"] = [finding.as_record() for finding in findings]
        new = [finding for finding in findings if finding.name not in self.said]
        self.said |= {finding.name for finding in new}
        return new

    def breakdown(self, line: dict[str, Any], engine: Engine) -> list[Finding]:
        """As `report`, of a training whose numbers are none any more: its model cannot be examined, only its gradients.

        Losses that are not finite, in whichever precision, are a breakdown.
        """
        line["health"] = engine.gradient_norms.read()
        findings = judge([*self.lines, line], self.run.record)
        line["findings"] = [finding.as_record() for finding in findings]
        return findings
