"""Progress on the error stream: live bars on a terminal, plain lines of a training in a pipe; or in a file."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from imagewright.cli.show import console, mark_told, say
from imagewright.progress import Progress as CountProgress
from imagewright.progress import StageProgress
from imagewright.runs.report.curves import short_number
from imagewright.training.reporting import PlainLines, Reporter, Silent, shown_figures

if TYPE_CHECKING:
    from imagewright.runs.run import Run

PROGRESS_FILE = "IMAGEWRIGHT_PROGRESS"  # names the file in the environment of a command whose progress is followed
WRITTEN_SECONDS = 0.3


@contextmanager
def reporter(*, quiet: bool = False) -> Iterator[Reporter]:
    """The reporter of a training: a live bar on a terminal, lines in a pipe, silent if `quiet`."""
    if followed := os.environ.get(PROGRESS_FILE):
        yield FollowedReporter(ProgressFile(Path(followed)))
        return
    if quiet or not sys.stderr.isatty():
        yield Silent() if quiet else PlainLines()
        return
    bar = BarReporter()
    try:
        yield bar
    finally:
        bar.close()  # also after an error, so that the bar does not overwrite its message


class ProgressFile:
    """A file that holds the progress of a command as JSON, replaced a few times a second: the studio reads it.

    path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._written, self._stage, self._began, self._first = path, -math.inf, "", 0.0, 0

    def update(self, stage: str, done: int, total: int | None) -> None:
        """`done` of `total` of a stage. What was done before, as of a resumed training, is written as `first`."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._first, self._written = stage, now, done, -math.inf
        if now - self._written < WRITTEN_SECONDS and done != total:
            return
        self._written = now
        value = {"stage": stage, "done": done, "total": total, "first": self._first, "seconds": now - self._began}
        temporary = self._path.with_suffix(".new")
        with suppress(OSError):  # the folder of a studio's job was removed: the command goes on
            temporary.write_text(json.dumps(value))
            temporary.replace(self._path)


class FollowedReporter(PlainLines):
    """Prints the lines of a training, and writes its progress into a file."""

    def __init__(self, file: ProgressFile) -> None:
        super().__init__()
        self._file = file

    def preparing(self, done: int, total: int) -> None:
        self._file.update("preparing pictures", done, total)

    def progressed(self, images_seen: int) -> None:
        self._file.update("training", images_seen, self.total)


class BarReporter:
    """A live bar with images seen, images a second, time left and memory, and the newest losses below."""

    def __init__(self) -> None:
        self._progress = _TrainingProgress()
        self._task = self._progress.add_task("", total=None)

    def preparing(self, done: int, total: int) -> None:
        self._progress.update(self._task, description="preparing", completed=done, total=total)
        self._progress.start()

    def started(self, run: Run, total: int) -> None:
        self._progress.reset(self._task, description=run.model, completed=0, total=total)
        self._progress.start()

    def lengthened(self, total: int) -> None:
        self._progress.update(self._task, total=total)

    def progressed(self, images_seen: int) -> None:
        if self._progress.tasks[self._task].completed == 0:  # a resumed run: its speed counts from here
            self._progress.reset(self._task, completed=images_seen, start=True)
        else:
            self._progress.update(self._task, completed=images_seen)

    def reported(self, report: dict[str, Any]) -> None:
        self._progress.record = report

    def message(self, text: str) -> None:
        self._progress.console.print(text, markup=False)

    def finished(self, run: Run) -> None:
        self.close()

    def close(self) -> None:
        """Stop updating the bar."""
        self._progress.stop()


class _TrainingProgress(Progress):
    def __init__(self) -> None:
        self.record: dict[str, Any] = {}
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            _Images(),
            _Speed(),
            TimeRemainingColumn(compact=True),
        )
        super().__init__(*columns, console=console(stderr=True), refresh_per_second=4)

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        parts = [f"{name} {short_number(value)}" for name, value in shown_figures(self.record).items()]
        if memory := self.record.get("memory_bytes"):
            parts.append(f"memory {memory / 2**20:,.0f} MiB")
        if parts:
            yield Text("   ".join(parts), style="dim")


class _Images(ProgressColumn):
    def render(self, task: Task) -> Text:
        total = "?" if task.total is None else short_number(task.total)
        return Text(f"{short_number(task.completed)}/{total} images")


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{short_number(task.speed)}/s" if task.speed else "")


@contextmanager
def progress_bar(what: str) -> Iterator[CountProgress]:
    """A progress bar with a description. Yields a function to call with (done, total). Shows nothing in a pipe."""
    with progress_bars() as update:
        yield lambda done, total: update(what, done, total)


@contextmanager
def progress_bars() -> Iterator[StageProgress]:
    """A progress bar for several stages in turn. Yields a function to call with (stage, done, total)."""
    if followed := os.environ.get(PROGRESS_FILE):
        yield ProgressFile(Path(followed)).update
        return
    if not sys.stderr.isatty():  # rich before 14.3 prints an empty line for a bar that is disabled
        yield lambda what, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _Images(), _Speed(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console(stderr=True)) as progress:
        task = progress.add_task("", total=None, visible=False)  # until it is known of how many

        def update(what: str, done: int, total: int) -> None:
            if progress.tasks[task].description != what:
                progress.reset(task, description=what)
            progress.update(task, completed=done, total=total, visible=True)

        yield update


@contextmanager
def clock_bar() -> Iterator[tuple[StageProgress, Callable[[str], None]]]:
    """A bar for work in parts that have a time each. In a pipe, a line for each part.

    Yields a function to call with (part, seconds done, seconds that it has), and one that prints a sentence above it.
    """
    told: set[str] = set()

    def line(what: str, done: int, total: int | None) -> None:
        if what not in told:
            told.add(what)
            say([f"{what} ({_clock(total or 0)})"])

    if followed := os.environ.get(PROGRESS_FILE):
        yield ProgressFile(Path(followed)).update, lambda text: say([text])
        return
    if not sys.stderr.isatty():
        yield line, lambda text: say([text])
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _Clock())
    with Progress(*columns, console=console(stderr=True)) as progress:
        task = progress.add_task("", total=None, visible=False)

        def update(what: str, done: int, total: int) -> None:
            if progress.tasks[task].description != what:
                progress.reset(task, description=what)
            progress.update(task, completed=done, total=total, visible=True)

        def tell(text: str) -> None:
            progress.console.print(text, markup=False)
            mark_told([text])

        yield update, tell


class _Clock(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{_clock(task.completed)} of {_clock(task.total or 0)}")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
