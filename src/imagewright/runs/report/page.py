"""`report.html`: one self-contained page of a run with its curves, sample grids, findings, scores and settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagewright.counts import seen_text
from imagewright.errors import RunError
from imagewright.files import write_whole
from imagewright.runs.report.curves import draw_curves, short_number
from imagewright.runs.report.history import LongCurve, TrainingHistory, group_terms
from imagewright.runs.report.html import duration_text, page, panel, section, text
from imagewright.runs.report.pictures import pictures
from imagewright.runs.report.score_tables import score_panels
from imagewright.runs.report.settings import setting_panels
from imagewright.runs.run import Run
from imagewright.runs.scores import Score, read_scores


def write_report(run_path: Run | str | Path) -> Path:
    """Write `report.html` into a run directory, replacing an earlier one. Returns its path.

    Reads `run.json`, `metrics.jsonl` (once, in memory that does not grow with it), `scores.json`,
    `training_pictures.png` and `samples/*.png`. A half-written line or picture is left out, so that this can be called
    at any time during a training. Raises `RunError` if there is no run, or the page cannot be written.
    """
    run = run_path if isinstance(run_path, Run) else Run(run_path)
    about, reports = run.record, run.reports()
    history = TrainingHistory.gather(reports)
    name = run.path.resolve().name
    model = str(about.get("model", "model"))
    title = model if model == name else f"{model}: {name}"
    body = [
        f"<h1>{text(title)}</h1>",
        f'<p class="faint">{text(_summary(about, history))}</p>',
        "" if (note := reports.damage_note()) is None else f"<p>{text(note)}</p>",
        pictures(run),
        _findings(history),
        section("Scores", score_panels(_scores(run.path))),
        _curves("Losses", "loss", history.losses),
        _curves("Derived metrics", "value", history.derived),
        _workings(history),
        section("What it was trained on, and how", setting_panels(about)),
    ]
    write_whole(run.path / "report.html", page(title, body))
    return run.path / "report.html"


def _summary(about: Mapping[str, Any], history: TrainingHistory) -> str:
    parts = []
    if history.last is not None:
        asked = (about.get("plan") or {}).get("images_seen")
        parts.append(seen_text(history.last["images_seen"], asked))
        if isinstance(history.last.get("seconds"), (int, float)):
            parts.append(f"in {duration_text(history.last['seconds'])}")
        if (speed := history.speed.median()) is not None:
            parts.append(f"at {short_number(speed)} images a second")
    else:
        parts.append("no report yet")
    source = about.get("source")
    name = source.get("source") if isinstance(source, dict) else source
    return " ".join(parts) + (f", trained on {name}" if name else "")


def _findings(history: TrainingHistory) -> str:
    """The doctor's findings: those of the last report, and earlier ones that no longer hold."""
    if history.diagnosed is None:
        return ""
    now = history.findings()
    rows = [_finding(found, "") for found in now.values()]
    rows += [_finding(found, " (passed since)") for name, found in history.passed.items() if name not in now]
    if not now:
        headline = history.diagnosed.get("examination")
        seen = f"Nothing wrong found at {history.diagnosed['images_seen']:,} images seen."
        said = headline if isinstance(headline, str) else seen
        rows.insert(0, f"<p>{text(said)}</p>")
    return section("Doctor", [f'<div class="panel">{"".join(rows)}</div>'])


def _finding(found: Mapping[str, Any], note: str) -> str:
    seen = found.get("images_seen")
    since = f", from {seen:,} images seen" if isinstance(seen, int) else ""
    return (
        f"<p><strong>{text(found.get('name'))}</strong>{text(since + note)}: {text(found.get('evidence'))}. "
        f"{text(found.get('suggestion'))}</p>"
    )


def _scores(run_path: Path) -> list[Score]:
    """The saved scores of the run. None if their file is damaged, so that the page is written in any case."""
    try:
        return read_scores(run_path)
    except RunError:
        return []


def _curves(title: str, y_label: str, terms: Mapping[str, LongCurve]) -> str:
    """One panel for each phase. Its terms share an axis unless their sizes differ too much."""
    panels = []
    for phase, names in group_terms(terms).items():
        curves = {name.partition("/")[2] or name: terms[name].points() for name in names}
        panels.append(panel(phase, draw_curves(curves, y_label=y_label)))
    return section(title, panels)


def _workings(history: TrainingHistory) -> str:
    panels = {
        "Speed": ({"images a second": history.speed}, "images a second"),
        "Learning rates": (history.rates, "rate"),
        "Memory": ({"memory, MiB": history.memory}, "MiB"),
    }
    shown = []
    for name, (curves, label) in panels.items():
        series = {curve: points for curve, found in curves.items() if (points := found.points())}
        if series:
            shown.append(panel(name, draw_curves(series, y_label=label)))
    return section("Speed and settings over time", shown)
