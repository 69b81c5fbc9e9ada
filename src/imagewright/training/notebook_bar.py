"""A bar of a training in a notebook: one element under the cell, replaced a few times a second, instead of lines."""

from __future__ import annotations

import html
import time
from typing import TYPE_CHECKING, Any

from imagewright.notebooks import in_notebook, lines_html
from imagewright.training.reporting import PlainLines, Reporter, Silent, describe_rate, shown_figures
from imagewright.wording import for_caller

if TYPE_CHECKING:
    from imagewright.runs.run import Run

UPDATE_SECONDS = 0.3  # between two updates: each is a message to the browser
KEPT_SENTENCES = 12  # the latest; of more, the number left out is said


def default_reporter() -> Reporter:
    """A bar in a notebook, else lines of text on the error stream."""
    return NotebookBar() if in_notebook() else PlainLines()


class NotebookBar(Silent):
    """Shows a training as one element: bar, images seen, speed, time left, newest losses, and what was said."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._what, self._done, self._total = "", 0, 0
        self._first: tuple[float, int] | None = None  # time and images seen at the first step of this process
        self._shown = -UPDATE_SECONDS
        self._figures: dict[str, float] = {}
        self._sentences: list[str] = []

    def preparing(self, done: int, total: int) -> None:
        self._what, self._done, self._total = "preparing pictures", done, total
        self._show(at_once=done == total)

    def started(self, run: Run, total: int) -> None:
        self._what, self._done, self._total, self._first = f"{run.model} in {run.path}", 0, total, None
        self._show(at_once=True)

    def lengthened(self, total: int) -> None:
        self._total = total

    def progressed(self, images_seen: int) -> None:
        self._done = images_seen
        if self._first is None:
            self._first = time.monotonic(), images_seen
        self._show()

    def reported(self, report: dict[str, Any]) -> None:
        self._figures = shown_figures(report)
        self._show(at_once=True)

    def message(self, text: str) -> None:
        self._sentences.append(for_caller(text))
        self._show(at_once=True)

    def finished(self, run: Run) -> None:
        self._show(at_once=True)

    def _show(self, *, at_once: bool = False) -> None:
        """Draw the element, unless it was drawn a moment ago."""
        now = time.monotonic()
        if not at_once and now - self._shown < UPDATE_SECONDS:
            return
        self._shown = now
        from IPython.display import HTML, display  # type: ignore[import-not-found,unused-ignore]

        if self._handle is None:
            self._handle = display(HTML(self._html()), display_id=True)
        else:
            self._handle.update(HTML(self._html()))

    def _html(self) -> str:
        left_out = len(self._sentences) - KEPT_SENTENCES
        said = ([f"({left_out:,} earlier sentences)"] if left_out > 0 else []) + self._sentences[-KEPT_SENTENCES:]
        losses = "   ".join(f"{name} {value:.4g}" for name, value in self._figures.items())
        share = self._done / self._total if self._total else 0.0
        bar = (
            f'<progress max="1" value="{share:.4f}" style="width:min(24em,100%)" '
            f'aria-label="{html.escape(self._what)}"></progress>'
        )
        counts = html.escape(f"{self._done:,} / {self._total:,} images{self._speed()}")
        head = f"<div>{html.escape(self._what)}</div><div>{bar} {counts}</div>" if self._what else ""
        return f"<div>{head}{lines_html([losses] if losses else [])}{lines_html(said)}</div>"

    def _speed(self) -> str:
        """Images a second since the first step, and the time left: ", 512/s, 1:20 left"."""
        if self._first is None or self._done <= self._first[1]:
            return ""
        rate = (self._done - self._first[1]) / max(time.monotonic() - self._first[0], 1e-9)
        left = round((self._total - self._done) / rate)
        return f", {describe_rate(rate)}/s" + (f", {left // 60:,}:{left % 60:02d} left" if left > 0 else "")
