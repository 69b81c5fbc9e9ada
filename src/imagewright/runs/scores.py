"""The scores of a run: `scores.json` holds them with their recipes, `scores.csv` is the same table for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from imagewright.errors import RunError
from imagewright.files import explain_write_errors, locked, write_whole
from imagewright.output.names import safe_cell
from imagewright.regular_files import read_regular
from imagewright.runs.schemas import ScoresRecord, parse_record

FROM_PRIOR = ", from its prior"  # after the name of a run that samples from a fitted density by default
RECORD, TABLE = "scores.json", "scores.csv"
LARGEST_RECORD = 256 << 20  # bytes of scores.json


@dataclass(frozen=True)
class Score:
    """One number of one metric.

    subject: the run or folder, as the user named it.
    metric: its name in the registry.
    output: which of the metric's numbers, such as "precision".
    title: the column's heading.
    better: "lower", "higher" or None.
    recipe: everything that decides the value.
    key: digest of the recipe; scores with equal keys are comparable and share a column.
    low, high: bounds of the interval that `interval` describes in words.
    images_seen: of the checkpoint; None for pictures that are not from a run.
    warnings: reservations about the value.
    sampled_from: "fitted" or "prior", if the model can sample from both; else None.
    """

    subject: str
    metric: str
    output: str
    title: str
    value: float
    better: str | None
    recipe: dict[str, Any]
    key: str
    low: float | None = None
    high: float | None = None
    interval: str = ""
    images_seen: int | None = None
    warnings: tuple[str, ...] = field(default=())
    sampled_from: str | None = None

    @property
    def features(self) -> str | None:
        """The name of the features it was computed in; None if the metric needs none."""
        found = self.recipe.get("features")
        return str(found["name"]) if isinstance(found, dict) and "name" in found else None

    @property
    def place(self) -> tuple[str, str, int | None, str | None]:
        """A newer score with the same output, key, checkpoint and distribution of latents replaces this one."""
        return self.output, self.key, self.images_seen, self.sampled_from


def read_scores(folder: str | Path) -> list[Score]:
    """All scores of a run directory, by images seen. Raises `RunError` for a damaged record."""
    path = Path(folder) / RECORD
    try:
        content = read_regular(path, LARGEST_RECORD)
    except FileNotFoundError:
        return []
    found = parse_record(content, ScoresRecord, str(path), "Remove it, and evaluate the run again.")
    return [score_from(line) for line in found["scores"]]


def by_distribution(name: str, scores: Iterable[Score]) -> dict[str, list[Score]]:
    """The scores of a run under its name, and those of samples from its prior under a name that says so."""
    found: dict[str, list[Score]] = {name: []}
    for score in scores:
        found.setdefault(name + FROM_PRIOR if score.sampled_from == "prior" else name, []).append(score)
    return found if found[name] or len(found) == 1 else {title: own for title, own in found.items() if own}


def add_scores(folder: str | Path, new: Iterable[Score]) -> None:
    """Add scores to a run directory. Each replaces an earlier one of the same output, recipe and images seen."""
    folder = Path(folder)
    with explain_write_errors(folder / RECORD), locked(folder / ".scores.lock"):
        known = {score.place: score for score in read_scores(folder)}
        known |= {score.place: score for score in new}
        _write(folder, list(known.values()))


def drop_scores_after(folder: str | Path, images_seen: int) -> None:
    """Remove the scores of checkpoints after a point: a resumed training computes them again."""
    folder = Path(folder)
    if (folder / RECORD).exists():
        with suppress(RunError):  # reading it reports the damage
            scores = read_scores(folder)
            remaining = [score for score in scores if score.images_seen is None or score.images_seen <= images_seen]
            if len(remaining) < len(scores):
                _write(folder, remaining)


def as_csv(scores: Sequence[Score]) -> str:
    """A table with a row for each score, and the parts of its recipe that fit into cells."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_cells(None)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: safe_cell(cell) for name, cell in _cells(score).items()} for score in scores)
    return text.getvalue()


def _cells(score: Score | None) -> dict[str, Any]:
    """A row of the table. For None, its keys are the columns."""
    recipe = score.recipe if score is not None else {}
    features, reference = recipe.get("features") or {}, recipe.get("reference") or {}
    height, width = recipe.get("size") or (None, None)
    plain = ("subject", "images_seen", "metric", "output", "value", "low", "high", "interval", "key", "sampled_from")
    return {name: getattr(score, name, None) for name in plain} | {
        "features": features.get("name"),
        "resize": features.get("resize"),
        "height": height,
        "width": width,
        "count": recipe.get("count"),
        "reference": reference.get("source"),
        "reference_count": reference.get("count"),
        "reference_fingerprint": reference.get("fingerprint"),
        "warnings": "; ".join(score.warnings) if score is not None else None,
    }


def as_json(scores: Sequence[Score]) -> str:
    """The content of `scores.json`. Infinities and NaN are written as null, since JSON has neither."""
    return json.dumps({"format": 1, "scores": [_finite(asdict(score)) for score in scores]}, indent=1) + "\n"


def _write(folder: Path, scores: list[Score]) -> None:
    scores.sort(key=lambda score: score.images_seen or 0)
    write_whole(folder / RECORD, as_json(scores))
    write_whole(folder / TABLE, as_csv(scores))


def score_from(line: dict[str, Any]) -> Score:
    """The score in a record that `ScoreRecord` describes."""
    known = {each.name for each in fields(Score)}
    given = {name: value for name, value in line.items() if name in known}
    value = math.nan if given["value"] is None else float(given["value"])
    return Score(**given | {"value": value, "warnings": tuple(given.get("warnings", ()))})


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in record.items()
    }
