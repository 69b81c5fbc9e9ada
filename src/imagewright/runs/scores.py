"""The scores of a run: `scores.json` holds each with its recipe, `scores.csv` the same for spreadsheets."""

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

RECORD, TABLE = "scores.json", "scores.csv"


@dataclass(frozen=True)
class Score:
    """One number of one metric.

    subject: the run or folder as it was named. output: "precision". title: what it is called.
    better: "lower", "higher" or None. low, high: the interval that `interval` describes in words. images_seen: of the
    checkpoint, None for pictures that no run made. recipe: all that it was computed by. key: equal for scores that may
    stand in one column. warnings: what to know before it is trusted.
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

    @property
    def features(self) -> str | None:
        """The name of the features that it was computed in; None where it needs none."""
        found = self.recipe.get("features")
        return str(found["name"]) if isinstance(found, dict) and "name" in found else None

    @property
    def place(self) -> tuple[str, str, int | None]:
        """What a newer score of the same kind replaces."""
        return self.output, self.key, self.images_seen


def read_scores(folder: str | Path) -> list[Score]:
    """All scores of a run directory, those of few images seen first. Raises `RunError` for a damaged record."""
    path = Path(folder) / RECORD
    try:
        lines = json.loads(path.read_text())["scores"]
        return [_from(line) for line in lines]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is damaged ({type(error).__name__}: {error}): remove it, and evaluate the run again."
        ) from None


def add_scores(folder: str | Path, new: Iterable[Score]) -> None:
    """Add scores to a run directory; each takes the place of an earlier one of its output, recipe and images seen."""
    folder = Path(folder)
    with explain_write_errors(folder / RECORD), locked(folder / ".scores.lock"):
        known = {score.place: score for score in read_scores(folder)}
        known |= {score.place: score for score in new}
        _write(folder, list(known.values()))


def drop_scores_after(folder: str | Path, images_seen: int) -> None:
    """Forget the scores of checkpoints beyond a point: what a resumed training makes again."""
    folder = Path(folder)
    if (folder / RECORD).exists():
        with suppress(RunError):  # a damaged record is said by who reads it
            scores = read_scores(folder)
            kept = [score for score in scores if score.images_seen is None or score.images_seen <= images_seen]
            if len(kept) < len(scores):
                _write(folder, kept)


def as_csv(scores: Sequence[Score]) -> str:
    """A table: a row a score, with what of the recipe fits into cells."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_cells(None)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(score) for score in scores)
    return text.getvalue()


def _cells(score: Score | None) -> dict[str, Any]:
    """A row of the table; of no score, the names of its columns."""
    recipe = score.recipe if score is not None else {}
    features, reference = recipe.get("features") or {}, recipe.get("reference") or {}
    height, width = recipe.get("size") or (None, None)
    plain = ("subject", "images_seen", "metric", "output", "value", "low", "high", "interval", "key")
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
    """The same as `scores.json` holds. Infinities and NaN, which JSON has not, as null."""
    return json.dumps({"format": 1, "scores": [_finite(asdict(score)) for score in scores]}, indent=1) + "\n"


def _write(folder: Path, scores: list[Score]) -> None:
    scores.sort(key=lambda score: score.images_seen or 0)
    write_whole(folder / RECORD, as_json(scores))
    write_whole(folder / TABLE, as_csv(scores))


def _from(line: dict[str, Any]) -> Score:
    known = {each.name for each in fields(Score)}
    given = {name: value for name, value in line.items() if name in known}
    value = math.nan if given["value"] is None else float(given["value"])
    return Score(**given | {"value": value, "warnings": tuple(given.get("warnings", ()))})


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in record.items()
    }
