"""Progress on the error stream: live bars on a terminal, plain lines of a training in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from imagewright.cli.show import console
from imagewright.progress import Progress as CountProgress
from imagewright.progress import StageProgress
from imagewright.runs.report.curves import short_number
from imagewright.training.reporting import PlainLines, Reporter, Silent, shown_figures

if TYPE_CHECKING:
    from imagewright.runs.run import Run


@contextmanager
def reporter(*, quiet: bool = False) -> Iterator[Reporter]:
    """The reporter of a training: a live bar on a terminal, lines in a pipe, silent if `quiet`."""
    if quiet or not sys.stderr.isatty():
        yield Silent() if quiet else PlainLines()
        return
    bar = BarReporter()
    try:
        yield bar
    finally:
        bar.close()  # also after an error, so that the bar does not overwrite its message


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
    columns = (TextColumn("{task.description}"), BarColumn(), _Images(), _Speed(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=None, visible=False)  # until it is known of how many

        def update(what: str, done: int, total: int) -> None:
            if progress.tasks[task].description != what:
                progress.reset(task, description=what)
            progress.update(task, completed=done, total=total, visible=True)

        yield update
