"""`compare`: runs beside each other: a table of their scores, curves over images seen, samples of equal seeds.

Scores are those that `evaluate` left in the runs. Unlike recipes get columns of their own, and a line says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from imagewright.capabilities import verbs_of
from imagewright.errors import ImagewrightError, UserError
from imagewright.metrics.recipes import differences
from imagewright.output.grids import draw_grid
from imagewright.output.writing import new_file
from imagewright.runs.loading import load
from imagewright.runs.report.html import encode_png, page, picture, section, text
from imagewright.runs.report.score_tables import (
    Column,
    describe_recipes,
    explain_columns,
    html_table,
    make_columns,
    score_curves,
)
from imagewright.runs.run import Run
from imagewright.runs.scores import Score, read_scores
from imagewright.verbs.apply import sample

SAMPLES = 8


@dataclass(frozen=True)
class Comparison:
    """Runs by name with their scores, the columns that these make, and sentences to read with them."""

    runs: dict[str, Run]
    scores: dict[str, list[Score]]
    columns: list[Column]
    said: tuple[str, ...]


def compare(runs: Sequence[Run | str | Path]) -> Comparison:
    """What is known of runs side by side. Raises `RunError` for what is no run, `UserError` for fewer than two."""
    opened = [run if isinstance(run, Run) else Run(run) for run in runs]
    if len({run.path.resolve() for run in opened}) < 2:
        raise UserError("A comparison takes two different runs at least: name more.")
    named = _named(opened)
    scores = {name: read_scores(run.path) for name, run in named.items()}
    columns = make_columns([score for own in scores.values() for score in own])
    said = [
        f"{name} has no scores yet: `imagewright evaluate {run.path} --against SOURCE` computes them."
        for name, run in named.items()
        if not scores[name]
    ]
    said += explain_columns(columns, differences)
    said += sorted({warning for own in scores.values() for score in own for warning in score.warnings})
    return Comparison(named, scores, columns, tuple(said))


def write_comparison(found: Comparison, path: str | Path, *, seed: int = 0, force: bool = False) -> Path:
    """Write one self-contained page. Raises `RunError` where something is there, unless `force`."""
    rows = [
        "<h1>" + text(" against ".join(found.runs)) + "</h1>",
        f'<p class="faint">{text(_about(found))}</p>',
    ]
    if found.columns:
        rows.append("<h2>Scores</h2>" + html_table(found.scores, found.columns))
        lines = describe_recipes([score for own in found.scores.values() for score in own])
        rows += [f'<p class="faint">{text(line.rstrip(":"))}</p>' for line in lines]
        rows.append(
            '<p class="faint">The latest of each; in brackets its interval; an arrow says which way is better.</p>'
        )
    if found.said:
        rows.append("<ul>" + "".join(f"<li>{text(sentence)}</li>" for sentence in found.said) + "</ul>")
    rows.append(section("Over images seen", score_curves(found.scores, found.columns)))
    rows.append(_sheets(found, seed))
    with new_file(path, force=force) as file:
        file.write(page("imagewright compare: " + ", ".join(found.runs), rows).encode())
    return Path(path)


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by the names of their folders, or by their paths where two folders are called the same."""
    folders = [run.path.resolve().name for run in runs]
    return {
        folder if folders.count(folder) == 1 else str(run.path): run for folder, run in zip(folders, runs, strict=True)
    }


def _about(found: Comparison) -> str:
    parts = [f"{name}: {run.model}, {run.latest()[0].images_seen:,} images seen" for name, run in found.runs.items()]
    return "; ".join(parts)


def _sheets(found: Comparison, seed: int) -> str:
    """A row of samples a run, sample k of the seed in column k. A run that draws none is said."""
    figures = []
    for name, run in found.runs.items():
        try:
            model = load(run)
            if "sample" not in verbs_of(model):
                figures.append(f'<p class="faint">{text(name)} draws no pictures.</p>')
                continue
            with torch.inference_mode():
                drawn = sample(model, SAMPLES, seed=seed)
        except ImagewrightError as error:
            figures.append(f'<p class="faint">{text(name)}: {text(error)}</p>')
            continue
        grid = draw_grid(drawn, columns=SAMPLES, column_labels=[str(place) for place in range(SAMPLES)])
        shown = picture(encode_png(grid), f"samples of {name}, seed {seed}", sharp=True)
        figures.append(f"<figure>{shown}<figcaption>{text(name)}</figcaption></figure>")
    return f"<h2>Samples of seed {seed}</h2>" + "".join(figures)
