"""The log of a training: an observer that writes each report to metrics.jsonl."""

from __future__ import annotations

from imagewright.training.observers import Observer, Report, Training


class MetricsLog(Observer):
    """Appends each report to metrics.jsonl and passes it to the reporter; on the main rank.

    It must come after the observers that add to reports.
    """

    paced = "reports"

    def __init__(self, every: int | None) -> None:
        self.every = every

    def begin(self, training: Training) -> None:
        self.training = training

    def at(self, images_seen: int, report: Report | None) -> None:
        if report is not None:
            self.training.save(lambda: self.training.run.append_metrics(report))
            self.training.reporter.reported(report)
