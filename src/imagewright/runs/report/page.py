"""`report.html`: one self-contained page of a run with its curves, sample grids, findings, scores and settings."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imagewright.errors import RunError
from imagewright.files import write_whole
from imagewright.pixels import is_size, size_text
from imagewright.runs.report.curves import Points, draw_curves, short_number
from imagewright.runs.report.html import page, panel, section, text
from imagewright.runs.report.pictures import pictures
from imagewright.runs.report.score_tables import score_panels
from imagewright.runs.run import Run, derived_metrics
from imagewright.runs.scores import Score, read_scores

SCALES_APART = 30  # terms of one phase whose medians differ by more than this factor get separate panels


def write_report(run_path: Run | str | Path) -> Path:
    """Write `report.html` into a run directory, replacing an earlier one. Returns its path.

    Reads `run.json`, `metrics.jsonl`, `scores.json` and `samples/*.png`. A half-written line or picture is left out, so
    that this can be called at any time during a training. Raises `RunError` if there is no run, or the page cannot be
    written.
    """
    run = run_path if isinstance(run_path, Run) else Run(run_path)
    about, records = run.record, _in_order(run.metrics())
    name = run.path.resolve().name
    model = str(about.get("model", "model"))
    title = model if model == name else f"{model}: {name}"
    body = [
        f"<h1>{text(title)}</h1>",
        f'<p class="faint">{text(_summary(about, records))}</p>',
        "" if (note := run.damage_note()) is None else f"<p>{text(note)}</p>",
        pictures(run),
        _findings(run.metrics()),
        section("Scores", score_panels(_scores(run.path))),
        _curves("Losses", "loss", records, lambda record: record.get("losses")),
        _curves("Derived metrics", "value", records, derived_metrics),
        _workings(records),
        _tables(about),
    ]
    write_whole(run.path / "report.html", page(title, body))
    return run.path / "report.html"


def _in_order(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reports in which `images_seen` grows."""
    records: list[dict[str, Any]] = []
    for line in lines:
        now = line.get("images_seen") if isinstance(line, dict) else None
        if isinstance(now, (int, float)) and now > (records[-1]["images_seen"] if records else -1):
            records.append(line)
    return records


def _summary(about: Mapping[str, Any], records: list[dict[str, Any]]) -> str:
    parts = []
    if records:
        last = records[-1]
        parts.append(f"{last['images_seen']:,} images seen")
        if isinstance(last.get("seconds"), (int, float)):
            parts.append(f"in {_duration(last['seconds'])}")
        speeds = [speed for _, speed in _series(records, "images_per_second")]
        if speeds:
            parts.append(f"at {short_number(statistics.median(speeds))} images a second")
    else:
        parts.append("no report yet")
    source = about.get("source")
    name = source.get("source") if isinstance(source, dict) else source
    return " ".join(parts) + (f", trained on {name}" if name else "")


def _findings(lines: list[dict[str, Any]]) -> str:
    """The doctor's findings: those of the last report, and earlier ones that no longer hold."""
    diagnosed = [line for line in lines if isinstance(line.get("findings"), list)]
    if not diagnosed:
        return ""
    now = _named(diagnosed[-1])
    passed = {name: found for line in diagnosed[:-1] for name, found in _named(line).items() if name not in now}
    rows = [_finding(found, "") for found in now.values()]
    rows += [_finding(found, " (passed since)") for found in passed.values()]
    if not now:
        headline = diagnosed[-1].get("examination")
        seen = f"Nothing wrong found at {diagnosed[-1]['images_seen']:,} images seen."
        said = headline if isinstance(headline, str) else seen
        rows.insert(0, f"<p>{text(said)}</p>")
    return section("Doctor", [f'<div class="panel">{"".join(rows)}</div>'])


def _named(line: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {str(found.get("name")): found for found in line["findings"] if isinstance(found, dict)}


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


def _curves(title: str, y_label: str, records: list[dict[str, Any]], terms_of: Callable[[dict[str, Any]], Any]) -> str:
    """One panel for each phase. Its terms share an axis unless their sizes differ too much."""
    terms: dict[str, Points] = {}
    for record in records:
        for name, value in _numbers(terms_of(record)).items():
            terms.setdefault(name, []).append((record["images_seen"], value))
    panels = []
    for phase, names in _families(terms).items():
        curves = {name.partition("/")[2] or name: terms[name] for name in names}
        panels.append(panel(phase, draw_curves(curves, y_label=y_label)))
    return section(title, panels)


def _families(terms: Mapping[str, Points]) -> dict[str, list[str]]:
    """Names of terms by panel: one for each phase, or several, so that a large term does not flatten a small one."""
    phases: dict[str, list[str]] = {}
    for name in terms:
        phases.setdefault(name.partition("/")[0], []).append(name)
    families: dict[str, list[str]] = {}
    for phase, names in phases.items():
        size = {name: statistics.median(abs(value) for _, value in terms[name]) for name in names}
        groups: list[list[str]] = []
        for name in sorted(names, key=lambda name: -size[name]):
            if groups and size[name] * SCALES_APART >= size[groups[-1][0]]:
                groups[-1].append(name)
            else:
                groups.append([name])
        for group in groups:
            label = phase if len(groups) == 1 else f"{phase}: {', '.join(name.partition('/')[2] for name in group)}"
            families[label] = [name for name in names if name in group]
    return families


def _workings(records: list[dict[str, Any]]) -> str:
    rates: dict[str, Points] = {}
    for record in records:
        for name, value in _numbers(record.get("learning_rates")).items():
            rates.setdefault(name, []).append((record["images_seen"], value))
    memory = [(x, y / 2**20) for x, y in _series(records, "memory_bytes")]
    panels = {
        "Speed": ({"images a second": _series(records, "images_per_second")}, "images a second"),
        "Learning rates": (rates, "rate"),
        "Memory": ({"memory, MiB": memory}, "MiB"),
    }
    shown = [
        panel(name, draw_curves(series, y_label=label))
        for name, (series, label) in panels.items()
        if any(series.values())
    ]
    return section("Speed and settings over time", shown)


def _tables(about: Mapping[str, Any]) -> str:
    """All of `run.json`: a table for each dictionary in it, after a table of the other values."""
    plain = {name: value for name, value in about.items() if not isinstance(value, dict)}
    tables = {"run": plain} | {name: value for name, value in about.items() if isinstance(value, dict)}
    panels = [_table(name, table) for name, table in tables.items() if table]
    return section("What it was trained on, and how", panels)


def _table(name: str, table: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td>{text(key.replace('_', ' '))}</td><td>{_value(value, key)}</td></tr>" for key, value in table.items()
    ]
    return panel(name.replace("_", " "), f"<table>{''.join(rows)}</table>")


def _with_sizes(value: Any, name: str = "") -> Any:
    """A value with the sizes in it as texts, width x height."""
    if is_size(name, value):
        return size_text(value)
    if isinstance(value, dict):
        return {key: _with_sizes(each, str(key)) for key, each in value.items()}
    return [_with_sizes(each) for each in value] if isinstance(value, (list, tuple)) else value


def _value(value: Any, name: str) -> str:
    if is_size(name, value):
        return text(size_text(value))
    if isinstance(value, (dict, list, tuple)):
        written = json.dumps(_with_sizes(value), ensure_ascii=False)
        return f"<code>{text(written if len(written) < 600 else written[:600] + ' ...')}</code>"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}"
    return text("none" if value is None else value)


def _numbers(values: Any) -> dict[str, float]:
    if not isinstance(values, dict):
        return {}
    return {str(name): float(value) for name, value in values.items() if isinstance(value, (int, float))}


def _series(records: list[dict[str, Any]], name: str) -> Points:
    found = [(record["images_seen"], record.get(name)) for record in records]
    return [(x, float(y)) for x, y in found if isinstance(y, (int, float))]


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
