"""Following a run: its reports, pictures and checkpoints as they come, wherever its training was started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imagewright.errors import RunError
from imagewright.runs.lock import is_training
from imagewright.runs.places import METRICS, SAMPLES, TRAINING_PICTURES
from imagewright.runs.report.history import TrainingHistory
from imagewright.runs.reports import Reports
from imagewright.runs.run import STOPPED, TIME_OVER, Run

State = Literal["trains", "trained", "stopped", "time_over", "ended", "gone", "damaged"]


@dataclass(frozen=True)
class RunState:
    """What a run is at one moment. Two are equal if nothing has changed between them.

    state: "trains" now; "trained" to its end; "stopped" on request; "time_over": it ended when the user's
        minutes were over, with fewer images than planned; "ended" without a word: it was killed, or the machine was
        shut down; "gone": there is no such folder any more; "damaged".
    problem: a sentence, if it is damaged.
    record: of the file of the run's settings, as `os.stat` dates it; 0 if there is none.
    reports: the size of the file of the reports, and what tells one file from the next.
    samples: images seen at each grid of samples.
    checkpoints: images seen at each checkpoint.
    has_training_pictures: whether the run shows what it learns from.
    """

    state: State
    problem: str | None = None
    record: int = 0
    reports: tuple[int, int] = (0, 0)
    samples: tuple[int, ...] = ()
    checkpoints: tuple[int, ...] = ()
    has_training_pictures: bool = False


class RunFollower:
    """Follows a run directory. Each report is read once, so that following a training of a week costs nothing.

    path: the run directory; it may appear and disappear.

    run: as it was last read; None before it could be read for the first time.
    history: of its reports.
    state: of the run at the last `refresh`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.run: Run | None = None
        self.history = TrainingHistory()
        self.state = RunState("gone")
        self._file, self._read = 0, 0

    def refresh(self) -> bool:
        """Look at the directory. Returns whether anything has changed since the last look.

        What was read of a run that is gone or damaged stays.
        """
        before = self.state
        self.state = self._look()
        return self.state != before

    def _look(self) -> RunState:
        if not self.path.is_dir():
            return RunState("gone")
        try:
            self.run = Run(self.path)
            reports = self._read_reports()
            checkpoints = tuple(each.images_seen for each in self.run.checkpoints())
        except (RunError, OSError) as error:
            return RunState("damaged", str(error)) if self.path.is_dir() else RunState("gone")
        return RunState(
            self._stage(checkpoints),
            record=_changed(self.path / "run.json"),
            reports=reports,
            samples=tuple(
                sorted(int(path.stem) for path in (self.path / SAMPLES).glob("*.png") if path.stem.isdigit())
            ),
            checkpoints=checkpoints,
            has_training_pictures=(self.path / TRAINING_PICTURES).exists(),
        )

    def _read_reports(self) -> tuple[int, int]:
        """Take in the reports that are new. A file that was replaced, as by a resumed training, is read anew."""
        try:
            found = os.stat(self.path / METRICS)
        except FileNotFoundError:
            if not self.path.is_dir():  # it was moved just now: what was read stays
                raise
            self.history, self._file, self._read = TrainingHistory(), 0, 0
            return 0, 0
        if found.st_ino != self._file or found.st_size < self._read:
            self.history, self._file, self._read = TrainingHistory(), found.st_ino, 0
        if found.st_size > self._read:
            reports = Reports(self.path / METRICS, start=self._read)
            for report in reports:
                self.history.add(report)
            self._read = reports.end
        return found.st_size, found.st_ino

    def _stage(self, checkpoints: tuple[int, ...]) -> State:
        assert self.run is not None
        if is_training(self.path):
            return "trains"
        planned = (self.run.record.get("plan") or {}).get("images_seen")
        last: Any = self.history.last or {}
        if checkpoints and (planned is None or checkpoints[-1] >= planned):
            return "trained"
        if not last.get(STOPPED) or last["images_seen"] not in checkpoints:
            return "ended"
        return "time_over" if last.get(TIME_OVER) else "stopped"


def _changed(path: Path) -> int:
    return os.stat(path).st_mtime_ns if path.exists() else 0
