"""`compare`: runs side by side: a table of their scores, curves over images seen, samples of equal seeds.

The scores are those that `evaluate` saved in the runs. Scores of different recipes get separate columns, and a note
says what differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from imagewright.capabilities import verbs_of
from imagewright.errors import ImagewrightError, UserError
from imagewright.images.selection import select_evenly
from imagewright.metrics.score_recipes import recipe_differences
from imagewright.metrics.subjects import training_images
from imagewright.notebooks import lines_html
from imagewright.output.grids import draw_grid
from imagewright.output.provenance import to_xmp
from imagewright.output.writing import new_file, to_png
from imagewright.runs.loading import load
from imagewright.runs.provenance import run_record
from imagewright.runs.report.html import page, picture, section, text
from imagewright.runs.report.pictures import TRAINING_CAPTION
from imagewright.runs.report.score_tables import (
    Column,
    arrow,
    describe_recipes,
    explain_columns,
    format_score,
    html_table,
    make_columns,
    score_curves,
)
from imagewright.runs.run import Run
from imagewright.runs.scores import Score, by_distribution, read_scores
from imagewright.runs.training_pictures import read_training_pictures
from imagewright.verbs.apply import sample

SAMPLES = 8  # of each run


@dataclass(frozen=True)
class RunComparison:
    """The result of `compare`.

    runs: by name.
    scores: of each run, by name; those of samples from the prior of a run that samples from a fitted density by
        default are under a name that says so.
    columns: of the table: one for each output of each recipe.
    notes: runs without scores, recipes that are not comparable, warnings of the scores.
    """

    runs: dict[str, Run]
    scores: dict[str, list[Score]]
    columns: list[Column]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """A line for each run and column: the latest score with its interval."""
        return [
            f"{name}: {column.title}{arrow(column.better)} {format_score(score)}"
            for name, scores in self.scores.items()
            for column in self.columns
            if (score := column.cell(scores)) is not None
        ]

    def _repr_html_(self) -> str:
        return html_table(self.scores, self.columns) + lines_html(self.notes)

    def write(self, path: str | Path, *, seed: int = 0, force: bool = False) -> Path:
        """Write one self-contained HTML page; returns the path.

        path: the file.
        seed: of the samples.
        force: overwrite a file that exists.

        Raises `RunError` for a file that exists without `force`.
        """
        rows = [
            "<h1>" + text(" against ".join(self.runs)) + "</h1>",
            f'<p class="faint">{text(_describe_runs(self.runs))}</p>',
        ]
        if self.columns:
            rows.append("<h2>Scores</h2>" + html_table(self.scores, self.columns))
            lines = describe_recipes([score for own in self.scores.values() for score in own])
            rows += [f'<p class="faint">{text(line.rstrip(":"))}</p>' for line in lines]
            rows.append(
                '<p class="faint">The latest score of each run; its interval in brackets; an arrow shows the better '
                "direction.</p>"
            )
        if self.notes:
            rows.append("<ul>" + "".join(f"<li>{text(note)}</li>" for note in self.notes) + "</ul>")
        rows.append(section("Over images seen", score_curves(self.scores, self.columns)))
        rows.append(_sample_rows(self.runs, seed))
        with new_file(path, force=force) as file:
            file.write(page("imagewright compare: " + ", ".join(self.runs), rows).encode())
        return Path(path)


def compare(runs: Sequence[Run | str | Path]) -> RunComparison:
    """Compare runs by their saved scores.

    runs: two or more different runs, or their paths.

    Raises `RunError` for a path that is not a run, `UserError` for fewer than two runs.
    """
    opened = [run if isinstance(run, Run) else Run(run) for run in runs]
    if len({run.path.resolve() for run in opened}) < 2:
        raise UserError("A comparison needs at least two different runs: name more.")
    found = compare_named(_name_runs(opened))
    without = [
        f"{name} has no scores yet: `imagewright evaluate {run.path} --against SOURCE` computes them."
        for name, run in found.runs.items()
        if not found.scores.get(name, True)
    ]
    return replace(found, notes=(*without, *found.notes))


def compare_named(runs: Mapping[str, Run]) -> RunComparison:
    """The comparison of runs under names of one's own; also of a single one. Runs without scores are not noted."""
    scores = {
        title: own for name, run in runs.items() for title, own in by_distribution(name, read_scores(run.path)).items()
    }
    columns = make_columns([score for own in scores.values() for score in own])
    notes = explain_columns(columns, recipe_differences)
    notes += sorted({warning for own in scores.values() for score in own for warning in score.warnings})
    return RunComparison(dict(runs), scores, columns, tuple(notes))


def _name_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by the names of their folders, or by their paths if two folders have the same name."""
    folders = [run.path.resolve().name for run in runs]
    return {
        folder if folders.count(folder) == 1 else str(run.path): run for folder, run in zip(folders, runs, strict=True)
    }


def _describe_runs(runs: dict[str, Run]) -> str:
    parts = [
        f"{name}: {'' if name == run.model else f'{run.model}, '}{run.latest()[0].images_seen:,} images seen"
        for name, run in runs.items()
    ]
    return "; ".join(parts)


def _training_rows(runs: dict[str, Run]) -> dict[str, list[str]]:
    """By the name of a run, the rows of training pictures that come before its samples: each set once, for all runs."""
    names: dict[tuple[str, int], list[str]] = {}
    rows: dict[tuple[str, int], np.ndarray] = {}
    for name, run in runs.items():
        fingerprint = (run.record.get("source") or {}).get("fingerprint") or name
        for place, row in enumerate(_training_pictures(run)):
            rows.setdefault((fingerprint, place), row)
            names.setdefault((fingerprint, place), []).append(name)
    figures: dict[str, list[str]] = {}
    for key, own in names.items():
        figures.setdefault(own[0], []).append(_training_row(rows[key], f"{TRAINING_CAPTION} of {' and '.join(own)}"))
    return figures


def _training_row(row: np.ndarray, caption: str) -> str:
    shown = row[np.linspace(0, len(row) - 1, min(SAMPLES, len(row))).round().astype(np.int64)]
    embedded = picture(to_png(draw_grid(shown, columns=SAMPLES)), caption, sharp=True)
    return f"<figure>{embedded}<figcaption>{text(caption)}</figcaption></figure>"


def _training_pictures(run: Run) -> list[np.ndarray]:
    """The training pictures that the run holds, or those of its source; [] if neither is there as it was."""
    rows = read_training_pictures(run)
    if rows:
        return rows
    try:  # a run of an earlier version holds none
        real = training_images(run)
        return [] if real is None else [select_evenly(real, SAMPLES).images.numpy()]
    except ImagewrightError:
        return []


def _sample_rows(runs: dict[str, Run], seed: int) -> str:
    """For each run a row of samples, sample k of the seed in column k, after a row of what it was trained on.

    A run that cannot sample has a line instead.
    """
    real, figures = _training_rows(runs), []
    for name, run in runs.items():
        figures += real.get(name, [])
        try:
            model = load(run)
            if "sample" not in verbs_of(model):
                figures.append(f'<p class="faint">{text(name)} cannot sample.</p>')
                continue
            with torch.inference_mode():
                samples = sample(model, SAMPLES, seed=seed)
        except ImagewrightError as error:
            figures.append(f'<p class="faint">{text(name)}: {text(error)}</p>')
            continue
        record = run_record("sample", model, seed=seed, settings={"count": SAMPLES})
        grid = draw_grid(samples, columns=SAMPLES, column_labels=[f"{seed}:{place}" for place in range(SAMPLES)])
        shown = picture(to_png(grid, to_xmp(record)), f"samples of {name}, seed {seed}", sharp=True)
        figures.append(f"<figure>{shown}<figcaption>{text(name)}</figcaption></figure>")
    return f"<h2>Samples of seed {seed}</h2>" + "".join(figures)
