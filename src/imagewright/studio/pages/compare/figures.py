"""The runs that are compared: what they can do, their scores, and their curves."""

from __future__ import annotations

from typing import Any

from imagewright.errors import UserError
from imagewright.runs.run import Run
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.studio import Studio

MOST_RUNS = 12


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
    """The names of all curves of the runs, and the points of one of them over images seen or seconds."""
    from imagewright.metrics.run_curves import OVER, curve_names, run_curves

    found = run_curves(chosen_runs(studio, asked), asked.choice("over", OVER, OVER[0]))
    names = curve_names(found)
    metric = asked.text("metric", names[0] if names else "")
    return {
        "names": [{"name": each, "runs": sum(each in own for own in found.values())} for each in names],
        "metric": metric if metric in names else None,
        "points": {name: own[metric] for name, own in found.items() if metric in own},
    }
