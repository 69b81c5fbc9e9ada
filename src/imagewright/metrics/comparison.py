"""`compare`: runs side by side: a table of their scores, curves over images seen, samples of equal seeds.

The scores are those that `evaluate` saved in the runs. Scores of different recipes get separate columns, and a note
says what differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from imagewright.capabilities import verbs_of
from imagewright.errors import ImagewrightError, UserError
from imagewright.images.selection import select_evenly
from imagewright.metrics.checkpoint_sheets import COLUMNS
from imagewright.metrics.score_recipes import recipe_differences
from imagewright.metrics.subjects import training_images
from imagewright.metrics.through_time import draw_through_time, time_sections
from imagewright.notebooks import lines_html
from imagewright.output.grids import draw_grid
from imagewright.output.provenance import to_xmp
from imagewright.output.writing import PICTURES, check_suffix, new_file, refuse_existing, to_png, write_image
from imagewright.runs.loading import load
from imagewright.runs.points import point_name, resolve_point
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
    images_seen: the checkpoint of each run that was named with one, by name.
    """

    runs: dict[str, Run]
    scores: dict[str, list[Score]]
    columns: list[Column]
    notes: tuple[str, ...]
    images_seen: Mapping[str, int] = field(default_factory=dict)

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
        refuse_existing([path], force=force)
        rows = [
            "<h1>" + text(" against ".join(self.runs)) + "</h1>",
            f'<p class="faint">{text(self._describe())}</p>',
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
        rows.append(_sample_rows(self.runs, seed, self.images_seen))
        if not self.images_seen:
            rows += time_sections(self.runs, seed)
        with new_file(path, force=force) as file:
            file.write(page("imagewright compare: " + ", ".join(self.runs), rows).encode())
        return Path(path)

    def write_through_time(
        self, path: str | Path, *, count: int = COLUMNS, seed: int = 0, curve: str | None = None, force: bool = False
    ) -> list[str]:
        """Write a picture of the runs through their training: a row a checkpoint, and a curve. Returns notes.

        path: .png, .jpg, .webp or .tif.
        count: samples of each checkpoint, which are of equal seeds.
        seed: of the samples.
        curve: its name, such as "score: FID" or "generator/adversarial"; by default a score, or else the losses.
        force: replace a file that exists.

        Raises `UserError` for another suffix, a curve that there is not, or models that do not sample; `RunError` if
        no run keeps a checkpoint, or the file exists.
        """
        check_suffix(path, tuple(PICTURES))
        refuse_existing([path], force=force)
        drawn, record, notes = draw_through_time(self.runs, count=count, seed=seed, curve=curve)
        write_image(drawn, path, record, force=force)
        return notes

    def _describe(self) -> str:
        parts = []
        for name, run in self.runs.items():
            seen = self.images_seen.get(name) or run.latest()[0].images_seen
            parts.append(f"{name}: {'' if name == run.model else f'{run.model}, '}{seen:,} images seen")
        return "; ".join(parts)


def compare(runs: Run | str | Path | Sequence[Run | str | Path], *, through_time: bool = False) -> RunComparison:
    """Compare runs by their saved scores.

    runs: two or more different runs, or their paths; `RUN@400k` is a run at one of its checkpoints.
    through_time: each run is seen at all its checkpoints, so that one run is enough (`write_through_time`).

    Raises `RunError` for a path that is not a run, `UserError` for fewer than two runs.
    """
    opened: list[tuple[Run, int | None]] = []
    for each in [runs] if isinstance(runs, Run | str | Path) else runs:
        path, seen = (each.path, None) if isinstance(each, Run) else resolve_point(each)
        opened.append((Run(path), seen))
    if through_time and any(seen is not None for _, seen in opened):
        raise UserError("A run through time is seen at all its checkpoints: name it without @.")
    if len({(run.path.resolve(), seen) for run, seen in opened}) < 2 - through_time:
        raise UserError(
            "A comparison needs at least two different runs: name more, or one at two checkpoints (RUN@100k RUN@400k), "
            "or see one run at all its checkpoints by --through-time (through_time=True)."
        )
    names = _name_runs(opened)
    seen_by_name = {name: seen for name, (_, seen) in names.items() if seen is not None}
    found = compare_named({name: run for name, (run, _) in names.items()}, seen_by_name)
    without = [
        f"{name} has no scores yet: `imagewright evaluate {_typed(run, found.images_seen.get(name))} --against SOURCE` "
        "computes them."
        for name, run in found.runs.items()
        if not found.scores.get(name, True)
    ]
    return replace(found, notes=(*without, *found.notes))


def compare_named(runs: Mapping[str, Run], images_seen: Mapping[str, int] = MappingProxyType({})) -> RunComparison:
    """The comparison of runs under names of one's own; also of a single one. Runs without scores are not noted.

    images_seen: the checkpoint of runs that are compared at one, by name.
    """
    scores: dict[str, list[Score]] = {}
    for name, run in runs.items():
        own = read_scores(run.path)
        if name in images_seen:
            own = [score for score in own if score.images_seen == images_seen[name]]
        scores |= by_distribution(name, own)
    columns = make_columns([score for own in scores.values() for score in own])
    notes = explain_columns(columns, recipe_differences)
    notes += sorted({warning for own in scores.values() for score in own for warning in score.warnings})
    return RunComparison(dict(runs), scores, columns, tuple(notes), dict(images_seen))


def _name_runs(runs: Sequence[tuple[Run, int | None]]) -> dict[str, tuple[Run, int | None]]:
    """Runs by the names of their folders, with their checkpoints, or by their paths if two have the same name."""
    short = [_typed(Path(run.path.resolve().name), seen) for run, seen in runs]
    return {
        name if short.count(name) == 1 else _typed(run.path, seen): (run, seen)
        for name, (run, seen) in zip(short, runs, strict=True)
    }


def _typed(run: Run | Path, images_seen: int | None) -> str:
    """A run, at a checkpoint if there is one, as it is typed."""
    path = Path(run)
    return str(path) if images_seen is None else point_name(path, images_seen)


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


def _sample_rows(runs: dict[str, Run], seed: int, images_seen: Mapping[str, int]) -> str:
    """For each run a row of samples, sample k of the seed in column k, after a row of what it was trained on.

    A run that cannot sample has a line instead.
    """
    real, figures = _training_rows(runs), []
    for name, run in runs.items():
        figures += real.get(name, [])
        try:
            model = load(run, images_seen=images_seen.get(name))
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
