"""The log of a training: each report becomes a line of metrics.jsonl, and is passed to the reporter."""

from __future__ import annotations

from imagewright.training.observers import Line, Observer, Training


class MetricsLog(Observer):
    """Appends each report to metrics.jsonl and passes it to the reporter; on the main rank."""

    def __init__(self, every: int) -> None:
        self.every = every

    def begin(self, training: Training) -> None:
        self.training = training

    def at(self, images_seen: int, line: Line | None) -> None:
        if line is not None:
            report = line
            self.training.save(lambda: self.training.run.append_metrics(report))
            self.training.reporter.reported(report)
