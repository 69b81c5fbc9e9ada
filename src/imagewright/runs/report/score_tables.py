"""Scores as tables and curves: a column for each output and recipe, and what sets columns of one output apart."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagewright.pixels import size_text
from imagewright.runs.report.curves import Points, draw_curves, short_number
from imagewright.runs.report.html import panel, text
from imagewright.runs.scores import Score, by_distribution

Recipe = Mapping[str, Any]
Differences = Callable[[Recipe, Recipe], list[str]]


@dataclass(frozen=True)
class Column:
    """Comparable scores: one output under one recipe.

    title: of the output, with the name of the features if the table has several, and a letter if several recipes do.
    output, key, better, recipe: as in `Score`.
    """

    title: str
    output: str
    key: str
    better: str | None
    recipe: Recipe

    def cell(self, scores: Sequence[Score]) -> Score | None:
        """This column's score of a subject: of its checkpoints, the one after the most images."""
        own = [score for score in scores if (score.output, score.key) == (self.output, self.key)]
        return max(own, key=lambda score: score.images_seen or 0, default=None)

    def points(self, scores: Sequence[Score]) -> Points:
        """This column's scores of a subject at its checkpoints: (images seen, value), earliest first."""
        own = [score for score in scores if (score.output, score.key) == (self.output, self.key)]
        return sorted((float(score.images_seen), score.value) for score in own if score.images_seen is not None)


def make_columns(scores: Sequence[Score]) -> list[Column]:
    """The columns of a table of scores. Recipes of one output are next to each other."""
    found: dict[tuple[str, str], Score] = {}
    for score in scores:
        found.setdefault((score.output, score.key), score)
    order = list(dict.fromkeys(output for output, _ in found))
    several = len({score.features for score in found.values()} - {None}) > 1
    columns = []
    for output in order:
        own = [score for (name, _), score in found.items() if name == output]
        letters = [f" [{letter}]" for letter in string.ascii_uppercase] if len(own) > 1 else [""]
        columns += [
            Column(
                score.title
                + (f", {score.features}" if several and score.features else "")
                + letters[place % len(letters)],
                *(output, score.key, score.better, score.recipe),
            )
            for place, score in enumerate(own)
        ]
    return columns


def explain_columns(columns: Sequence[Column], differences: Differences) -> list[str]:
    """For each column but the first of its output, a sentence on how its recipe differs from the first one's."""
    sentences = []
    first: dict[str, Column] = {}
    for column in columns:
        other = first.setdefault(column.output, column)
        if other is not column:
            reasons = "; ".join(differences(other.recipe, column.recipe))
            sentences.append(f"{column.title} is not comparable with {other.title}: {reasons}.")
    return sentences


def describe_recipes(scores: Sequence[Score]) -> list[str]:
    """A line for each combination of size, counts, reference and features among the recipes."""
    lines: dict[str, list[str]] = {}
    for score in scores:
        recipe, reference = score.recipe, score.recipe.get("reference")
        height, width = recipe.get("size") or (0, 0)
        counted = f"{recipe['count']:,} pictures" if recipe.get("count") else "the model"
        parts = [f"{counted} of {size_text((height, width))}"]
        if reference:
            parts.append(f"against {reference.get('count', 0):,} of {reference.get('source')}")
        if score.features:
            parts.append(f"in the features {score.features} ({(recipe.get('features') or {}).get('resize')})")
        line = " ".join(parts)
        lines.setdefault(line, []).append(score.output)
    return [
        f"{line}:" if len(lines) == 1 else f"{', '.join(dict.fromkeys(outputs))}: {line}"
        for line, outputs in lines.items()
    ]


def format_score(score: Score) -> str:
    """A value with its interval, in few digits: `12.31 (12.05 to 12.57)`."""
    value = short_number(score.value)
    if score.low is None or score.high is None:
        return value
    return f"{value} ({short_number(score.low)} to {short_number(score.high)})"


def arrow(better: str | None) -> str:
    """An arrow, for a title, in the direction in which a score is better."""
    return {"lower": " ↓", "higher": " ↑"}.get(better or "", "")


def html_table(subjects: Mapping[str, Sequence[Score]], columns: Sequence[Column]) -> str:
    """A row for each subject. The best score of each column is bold."""
    head = "".join(f"<th>{text(column.title + arrow(column.better))}</th>" for column in columns)
    best = [best_score(column, subjects) for column in columns]
    rows = []
    for name, scores in subjects.items():
        cells = []
        for column, leading in zip(columns, best, strict=True):
            score = column.cell(scores)
            if score is None:
                cells.append("<td>-</td>")
                continue
            value = text(format_score(score))
            shown = f"<strong>{value}</strong>" if leading is score else value
            cells.append(f'<td title="{text(score.interval)}">{shown}</td>')
        rows.append(f"<tr><td>{text(name)}</td>{''.join(cells)}</tr>")
    return f'<div class="scores"><table><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'


def best_score(column: Column, subjects: Mapping[str, Sequence[Score]]) -> Score | None:
    """The best score of a column; None if no direction is better, of fewer than two subjects, and of equal ones."""
    found = [score for scores in subjects.values() if (score := column.cell(scores)) is not None]
    if column.better is None or len(found) < 2:
        return None
    best = (min if column.better == "lower" else max)(found, key=lambda score: score.value)
    return best if sum(score.value == best.value for score in found) == 1 else None


def score_curves(subjects: Mapping[str, Sequence[Score]], columns: Sequence[Column]) -> list[str]:
    """A panel for each column, with a curve for each subject that has scores at two or more checkpoints."""
    panels = []
    for column in columns:
        series: dict[str, Points] = {}
        for name, scores in subjects.items():
            if len(points := column.points(scores)) > 1:
                series[name] = points
        if series:
            panels.append(panel(column.title + arrow(column.better), draw_curves(series, y_label=column.output)))
    return panels


def score_panels(scores: Sequence[Score]) -> list[str]:
    """The scores on a run's page: the latest of each column with its recipe, and curves over checkpoints.

    Scores of samples from the prior have a table of their own if the run samples from a fitted density by default.
    """
    columns = make_columns(scores)
    subjects = by_distribution("this run", scores)
    tables = []
    for name, own in subjects.items():
        rows = [_row(column, score) for column in columns if (score := column.cell(own)) is not None]
        table = f"<table>{''.join(rows)}</table>"
        if rows:
            tables.append(f'<div class="panel">{table}</div>' if len(subjects) == 1 else panel(name, table))
    return [*tables, *score_curves(subjects, columns)]


def _row(column: Column, score: Score) -> str:
    notes = "".join(f"<br>{text(warning)}" for warning in score.warnings)
    return (
        f"<tr><td>{text(column.title + arrow(column.better))}</td>"
        f'<td title="{text(score.interval)}">{text(format_score(score))}'
        f'<br><span class="faint">{text(_about(score))}{notes}</span></td></tr>'
    )


def _about(score: Score) -> str:
    recipe = score.recipe
    parts = [f"features {score.features}"] if score.features else []
    if score.images_seen is not None:
        parts.append(f"at {score.images_seen:,} images seen")
    if recipe.get("count"):
        parts.append(f"{recipe['count']:,} pictures")
    if reference := recipe.get("reference"):
        parts.append(f"against {reference.get('count', 0):,} of {reference.get('source')}")
    return ", ".join([*parts, f"recipe {score.key}"])
