"""The runs that are compared: what they can do, their scores, and their curves."""

from __future__ import annotations

from typing import Any

from imagewright.errors import UserError
from imagewright.runs.run import Run
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.studio import Studio

MOST_RUNS = 12
WORK = ("images a second", "memory", "learning rate")  # curves of the work, not of its quality


def chosen_runs(studio: Studio, asked: Asked) -> dict[str, Run]:
    """The runs that a page names, by their names: ids in a list, or in a text with commas as queries hold them."""
    given = asked.raw("runs")
    keys = asked.text("runs").split(",") if isinstance(given, str) else asked.texts("runs", most=MOST_RUNS)
    if len(keys) > MOST_RUNS:
        raise UserError(f"{len(keys)} runs are chosen: {MOST_RUNS} at most are compared at once.")
    runs = [studio.library.run(key) for key in keys if key]
    return {studio.library.name_of(run.path): run for run in runs}


def abilities(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What a run can be asked for on this page: classes of samples, and what it makes of a photo."""
    from imagewright.capabilities import sampled_classes, samples_classes, verbs_of
    from imagewright.verbs.translation_inputs import source_channels

    def work(loaded: Loaded) -> dict[str, Any]:
        model, verbs = loaded.model, verbs_of(loaded.model)
        translates = "translate" in verbs and source_channels(model) is not None
        return {
            "samples": "sample" in verbs,
            "classes": sampled_classes(model) if samples_classes(model) else [],
            "photo": translates or any(verb in verbs for verb in ("reconstruct", "classify", "score")),
        }

    return studio.models.call(asked.text("run"), work)


def scores(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The table of scores: a column for each output of each recipe, the best of each column, and notes."""
    from imagewright.metrics.comparison import compare_named
    from imagewright.runs.report.score_tables import best_score, describe_recipes, format_score

    found = compare_named(chosen_runs(studio, asked))
    best = [best_score(column, found.scores) for column in found.columns]
    rows = []
    for name, own in found.scores.items():
        cells: list[dict[str, Any] | None] = []
        for column, leading in zip(found.columns, best, strict=True):
            score = column.cell(own)
            about = None if score is None else {"interval": score.interval, "images_seen": score.images_seen}
            cells.append(
                None if score is None else {"text": format_score(score), "best": leading is score, **(about or {})}
            )
        rows.append({"name": name, "cells": cells})
    columns = [{"title": each.title, "better": each.better, "key": each.key} for each in found.columns]
    recipes = describe_recipes([score for own in found.scores.values() for score in own])
    said = [studio.library.without_folder(line.rstrip(":")) for line in recipes]
    notes = [studio.library.without_folder(each) for each in found.notes]
    return {"columns": columns, "rows": rows, "recipes": said, "notes": notes}


def curves(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The names of all curves of the runs, and the points of one of them over images seen or seconds.

    A score is a curve too, if a run has it at two or more checkpoints.
    """
    runs = chosen_runs(studio, asked)
    over = asked.choice("over", ("images_seen", "seconds"), "images_seen")
    found = {name: _curves_of(run, over) for name, run in runs.items()}
    if over == "images_seen":
        for name, own in _score_curves(runs).items():
            found[name] |= own
    names = sorted({each for own in found.values() for each in own}, key=lambda each: _rank(found, each))
    metric = asked.text("metric", names[0] if names else "")
    return {
        "names": [{"name": each, "runs": sum(each in own for own in found.values())} for each in names],
        "metric": metric if metric in names else None,
        "points": {name: own[metric] for name, own in found.items() if metric in own},
    }


def _rank(found: dict[str, dict[str, Any]], name: str) -> tuple[bool, int, str]:
    """What tells of quality first, then what most runs have."""
    return name.startswith(WORK), -sum(name in own for own in found.values()), name


def _curves_of(run: Run, over: str) -> dict[str, list[tuple[float, float]]]:
    from imagewright.runs.report.history import TrainingHistory

    history = TrainingHistory.gather(run.reports(), over)
    groups = {"loss: ": history.losses, "": history.derived, "learning rate: ": history.rates}
    found = {f"{group}{name}": curve.points() for group, curves in groups.items() for name, curve in curves.items()}
    found |= {"images a second": history.speed.points(), "memory, MiB": history.memory.points()}
    return {name: points for name, points in found.items() if points}


def _score_curves(runs: dict[str, Run]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    from imagewright.metrics.comparison import compare_named

    table = compare_named(runs)
    found: dict[str, dict[str, list[tuple[float, float]]]] = {name: {} for name in runs}
    for name in runs:
        for column in table.columns:
            own = [
                each for each in table.scores.get(name, []) if (each.output, each.key) == (column.output, column.key)
            ]
            points = sorted((float(each.images_seen), each.value) for each in own if each.images_seen is not None)
            if len(points) > 1:
                found[name][f"score: {column.title}"] = points
    return found
