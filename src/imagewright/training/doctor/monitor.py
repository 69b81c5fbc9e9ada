"""The doctor as an observer of a training: it measures the model at each report, and logs new findings."""

from __future__ import annotations

from contextlib import suppress

from imagewright.errors import RunError
from imagewright.runs.report.page import write_report
from imagewright.training.doctor.findings import Finding, diagnose, examine_reports
from imagewright.training.doctor.history import LATEST_REPORTS
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.observers import Observer, Report, Training
from imagewright.training.previews import LIKENESS

# Figures that are shown as curves and in the log, by the title there.
CURVES = {
    "swap/to_source": f"{LIKENESS}distance to the source",
    "swap/to_target": f"{LIKENESS}distance to the target",
    "swap/detail": "swapped faces/detail over real ones",
}


class Doctor(Observer):
    """Adds `health` (figures by name) and `findings` to each report; on the main rank."""

    paced = "reports"

    def __init__(self, every: int | None) -> None:
        self.every = every
        self.reports: list[Report] = []  # the latest ones
        self.logged: set[str] = set()  # names of findings, also those logged before the run was resumed

    def begin(self, training: Training) -> None:
        self.training = training
        self.examiner = Examiner(training.model, training.sources, training.held_out, training.plan.seed)
        if self.examiner.likeness is not None and not self.examiner.likeness.identifies:
            training.reporter.message(self.examiner.likeness.unmeasured)
        if training.images_seen:
            for earlier in training.run.reports():
                self.reports = [*self.reports, earlier][-LATEST_REPORTS:]
                self.logged |= {str(finding.get("name")) for finding in earlier.get("findings", [])}

    def at(self, images_seen: int, report: Report | None) -> None:
        if report is None:
            return
        self.training.prepare_verbs()  # the samples that are measured come from it
        report["health"] = health = self.examiner.measure(self.training.engine, images_seen)
        shown = {title: health[name] for name, title in CURVES.items() if name in health}
        report["derived_metrics"] = {**report.get("derived_metrics", {}), **shown}
        self.reports = [*self.reports, report][-LATEST_REPORTS:]
        found = examine_reports(self.reports, self.training.run.record)
        findings = found.findings
        report["findings"] = [finding.to_dict() for finding in findings]
        report["examination"] = found.headline  # None if there are findings
        new = [finding for finding in findings if finding.name not in self.logged]
        self.logged |= {finding.name for finding in new}
        self._log(new)

    def diverged(self, report: Report) -> None:
        """Diagnose the gradient norms, which are all that can still be measured, and write the report.

        Without an earlier report nothing is written, because such a run is removed.
        """
        if not self.reports:
            return
        report["health"] = self.training.engine.gradient_norms.read()
        findings = diagnose([*self.reports, report], self.training.run.record)
        report["findings"] = [finding.to_dict() for finding in findings]
        self._log(findings)
        with suppress(RunError):  # the user must hear of the divergence, not of the disk
            self.training.run.append_metrics(report)
            write_report(self.training.run.path)

    def _log(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.training.reporter.message(f"doctor: {finding}")
