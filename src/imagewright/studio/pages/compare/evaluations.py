"""Evaluations of the runs that are compared, and the comparison as a page of its own: jobs of the command line."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from imagewright.errors import RunError, UserError
from imagewright.runs.run import Run
from imagewright.studio.pages.compare.figures import chosen_runs
from imagewright.studio.pages.train.forms import recorded_sources
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.made import start_making
from imagewright.studio.serving.studio import Studio

SAMPLED = 1_000  # pictures of each run that an evaluation from the page samples
OTHER_FEATURES = ("efficientnet_lite0", "random")  # that are taken where the usual ones are not here
PLACE = "comparisons"  # below the studio's folder


def evaluation_choices(_: Studio, __: Asked) -> dict[str, Any]:
    """Features and metrics of evaluations; of features, whether weights must be fetched first."""
    from imagewright.metrics.registry import DEFAULT_METRICS, list_metrics
    from imagewright.pretrained.features.contract import NETWORKS
    from imagewright.pretrained.features.presence import present_features

    present = present_features()
    features = [{"name": name, "fetched": name not in present} for name in NETWORKS]
    metrics = [
        {"name": each.name, "summary": each.summary, "usual": each.name in DEFAULT_METRICS} for each in list_metrics()
    ]
    return {"features": features, "metrics": metrics, "count": SAMPLED}


def evaluation_start(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What an evaluation of the runs starts from: what the first of them learned from, and features.

    Features are those of the scores that the runs have, so that the new ones stand in the same columns; else the usual
    ones if they are here; else such that need no download.
    """
    runs = chosen_runs(studio, asked).values()
    found = (each for run in runs for each in recorded_sources(studio.library, run).values() if each is not None)
    return {"source": next(found, None), "features": _features_of(runs)}


def _features_of(runs: Iterable[Run]) -> str:
    from imagewright.metrics.plans import DEFAULT_FEATURES
    from imagewright.pretrained.features.contract import NETWORKS
    from imagewright.pretrained.features.presence import present_features
    from imagewright.runs.scores import read_scores

    for run in runs:
        with suppress(RunError):  # damaged scores, which the table tells of
            for score in reversed(read_scores(run.path)):
                if score.features in NETWORKS:
                    return str(score.features)
    present = present_features()
    return next(name for name in (DEFAULT_FEATURES, *OTHER_FEATURES) if name in present)


def evaluate(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start an evaluation of the runs against a source; its scores are saved in the runs."""
    from imagewright.metrics.registry import METRICS
    from imagewright.pretrained.features.contract import NETWORKS

    runs = chosen_runs(studio, asked)
    if not runs:
        raise UserError("Choose a run to evaluate.")
    source = studio.library.source(asked.text("source"))
    count = asked.whole("count", SAMPLED, low=2, high=1_000_000)
    command = ["evaluate", *(str(run.path) for run in runs.values()), "--against", source.source, "--count", str(count)]
    command += ["--features", asked.choice("features", tuple(NETWORKS), _features_of(runs.values()))]
    if metrics := asked.texts("metrics", most=len(METRICS)):
        unknown = [name for name in metrics if name not in METRICS]
        if unknown:
            raise UserError(f"There is no metric {unknown[0]!r}.")
        command += ["--metrics", *metrics]
    title = f"Evaluate {', '.join(runs)} against {source.name}"
    return studio.jobs.start(title, command, {"page": "compare"}).to_json()


def save_page(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Start writing the comparison as one page that needs no studio."""
    runs = chosen_runs(studio, asked)
    if len(runs) < 2:
        raise UserError("A page compares at least two runs: choose one more.")
    seed = asked.whole("seed", 0)
    out = studio.new_place(
        PLACE, asked.text("name", " and ".join(run.path.name for run in runs.values()))[:80], ".html"
    )
    command = ["compare", *(str(run.path) for run in runs.values()), "--out", str(out), "--seed", str(seed)]
    return start_making(studio, f"Page of {', '.join(runs)}", command, [out], {"page": "compare"}).to_json()
