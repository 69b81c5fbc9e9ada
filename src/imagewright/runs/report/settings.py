"""The settings of a run as tables: everything in `run.json`, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagewright.pixels import is_size, size_text
from imagewright.runs.report.html import panel, text

TITLES = {
    "config": "model",
    "source": "pictures",
    "options": "training, as asked",
    "plan": "training, as planned",
}
LONGEST = 600  # characters of a value


def setting_panels(about: Mapping[str, Any]) -> list[str]:
    """A table for each dictionary of `run.json`, after a table of the other values.

    Sources are a table each; the only one of a run is in `source` as well, and is shown once.
    """
    plain = {name: value for name, value in about.items() if not isinstance(value, dict)}
    tables = {"run": plain} | {name: value for name, value in about.items() if isinstance(value, dict)}
    sources = tables.pop("sources", {})
    if list(sources.values()) != [about.get("source")]:
        tables |= {f"pictures {name}": value for name, value in sources.items() if isinstance(value, dict)}
        if len(sources) > 1:
            tables.pop("source", None)  # the first of them
    return [_table(TITLES.get(name, name.replace("_", " ")), table) for name, table in tables.items() if table]


def _table(title: str, table: Mapping[str, Any]) -> str:
    """A row for each value, and for each of a dictionary within."""
    rows = []
    for name, value in table.items():
        inner = value if isinstance(value, dict) and value else {"": value}
        rows += [(f"{name} {part}".strip(), part or name, each) for part, each in inner.items()]
    cells = "".join(
        f"<tr><td>{text(label.replace('_', ' '))}</td><td>{text(_shorten(_said(value, name)))}</td></tr>"
        for label, name, value in rows
    )
    return panel(title, f"<table>{cells}</table>")


def _said(value: Any, name: str = "") -> str:
    """A value as a reader says it.

    >>> _said({"first": 1632, "last": None}), _said([]), _said([64, 32], "size"), _said(212.59924790079788)
    ('first 1632', 'none', '32x64', '212.599')
    """
    if is_size(name, value):
        return size_text(value)
    if isinstance(value, dict):
        parts = [f"{str(key).replace('_', ' ')} {_said(each, str(key))}" for key, each in value.items()]
        return ", ".join(part for part, each in zip(parts, value.values(), strict=True) if each is not None) or "none"
    if isinstance(value, (list, tuple)):
        apart = "; " if any(isinstance(each, (dict, list)) for each in value) else ", "
        return apart.join(_said(each) for each in value) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _shorten(said: str) -> str:
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} ..."
