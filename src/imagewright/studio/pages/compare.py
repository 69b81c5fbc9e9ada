"""Compare: runs beside each other: samples of equal seeds, scores, curves, one photo through all, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from imagewright.errors import UserError
from imagewright.output.provenance import COMPOSITE, ENHANCED
from imagewright.runs.run import Run
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.made import start_making
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Page, Picture
from imagewright.studio.serving.sources import shown
from imagewright.studio.serving.studio import Studio

if TYPE_CHECKING:
    from torch import Tensor

MOST_RUNS, MOST_SAMPLES = 12, 16
PHOTO_SIDE = 512  # pixels of a photo that goes through the models: larger ones take seconds
MOST_TARGETS = 6  # domains or attributes that a photo is translated to
MOST_CLASSES = 3  # that are told of a photo
SCORED_BY = 16  # samples by which a likelihood is estimated: few, since a page waits
SAMPLED = 1_000  # pictures of each run that an evaluation from the page samples
PLACE = "comparisons"  # below the studio's folder


# The runs


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


# Scores and curves


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


# Pictures


def samples(studio: Studio, asked: Asked) -> list[Picture]:
    """Samples of a run; sample k of a seed is the same at every checkpoint as far as the latents go.

    label: a class, for a run that samples classes. images_seen: an earlier checkpoint.
    """
    from imagewright.runs.provenance import run_record
    from imagewright.verbs.apply import sample

    count, seed = asked.whole("count", 8, low=1, high=MOST_SAMPLES), asked.whole("seed", 0)
    label = asked.text("label") if asked.raw("label") else None

    def work(loaded: Loaded) -> list[Picture]:
        images = sample(loaded.model, count, seed=seed, label=label)
        settings = {"count": count} | ({} if label is None else {"label": label})
        record = run_record("sample", loaded.model, seed=seed, settings=settings)
        name = loaded.run.path.name
        return [
            Picture(_pixels(image), record, f"{name}-{seed}-{place}", {"title": f"{seed}:{place}"})
            for place, image in enumerate(images)
        ]

    return studio.models.call(asked.text("run"), work, images_seen=_checkpoint(asked))


def photo(studio: Studio, asked: Asked) -> list[Picture] | dict[str, str]:
    """What a run makes of a photo: its reconstruction, and translations; a sentence if it makes no picture of it."""
    given = studio.shelf.get(asked.text("ticket"))
    seed = asked.whole("seed", 0)
    image = Image.fromarray(shown(given.pixels, PHOTO_SIDE))

    def work(loaded: Loaded) -> list[Picture]:
        return [*_reconstructed(loaded, image, given.name), *_translated(loaded, image, given.name, seed)]

    found = studio.models.call(asked.text("run"), work, images_seen=_checkpoint(asked))
    return found or {"cannot": "This model makes no picture of a photo."}


def photo_facts(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What a run says of a photo: its likeliest classes, and its score."""
    from imagewright.capabilities import verbs_of
    from imagewright.verbs.apply import classify, score

    image = Image.fromarray(shown(studio.shelf.get(asked.text("ticket")).pixels, PHOTO_SIDE))

    def work(loaded: Loaded) -> dict[str, Any]:
        model: Any = loaded.model
        verbs, told = verbs_of(model), dict[str, Any]()
        if "classify" in verbs:
            likely = classify(model, image)[0].exp().tolist()
            names = sorted(zip(model.class_names, likely, strict=True), key=lambda each: -each[1])
            told["classes"] = [{"name": name, "share": share} for name, share in names[:MOST_CLASSES]]
        if "score" in verbs:
            told["score"] = {
                "value": float(score(model, image, samples=SCORED_BY)[0]),
                "unit": getattr(model, "score_unit", ""),
            }
        return told

    return studio.models.call(asked.text("run"), work, images_seen=_checkpoint(asked))


def _reconstructed(loaded: Loaded, image: Image.Image, name: str) -> Iterator[Picture]:
    from imagewright.capabilities import verbs_of
    from imagewright.metrics.pictures.reconstruction import peak_signal_to_noise
    from imagewright.runs.provenance import run_record
    from imagewright.verbs.apply import images_for, reconstruct

    if "reconstruct" not in verbs_of(loaded.model):
        return
    before = next(images_for(loaded.model, image).stream(1)).images
    after = reconstruct(loaded.model, image)
    error = float(peak_signal_to_noise(before, after)[0])
    record = run_record("reconstruct", loaded.model, settings={"source": name, "count": 1}, source_type=ENHANCED)
    title = f"reconstruction, PSNR {error:.1f} dB"
    yield Picture(_pixels(after[0]), record, f"{name}-{loaded.run.path.name}", {"title": title})


def _translated(loaded: Loaded, image: Image.Image, name: str, seed: int) -> Iterator[Picture]:
    """Translations to each domain, or to each attribute, that the model reaches without references."""
    from imagewright.capabilities import verbs_of
    from imagewright.runs.provenance import run_record
    from imagewright.verbs.translate import translate
    from imagewright.verbs.translation_inputs import source_channels

    model: Any = loaded.model
    if "translate" not in verbs_of(model) or source_channels(model) is None:
        return
    attributes = [{each: 1.0} for each in getattr(model, "attribute_names", ())]
    for target in [*(tuple(model.domains) or ([] if attributes else [None])), *attributes][:MOST_TARGETS]:
        title = "translation" if target is None else target if isinstance(target, str) else next(iter(target))
        try:
            made = translate(model, image, to=target, seed=seed)
        except UserError:  # a network that the run does not hold, or a style that must come from references
            continue
        settings = {"source": name, "count": 1, "to": target}
        record = run_record("translate", model, seed=seed, settings=settings, source_type=COMPOSITE)
        yield Picture(_pixels(made[0]), record, f"{name}-{title}", {"title": title})


def _pixels(image: Tensor) -> np.ndarray:
    pixels: np.ndarray = image.permute(1, 2, 0).numpy()
    return pixels


def _checkpoint(asked: Asked) -> int | None:
    return asked.whole("images_seen") if "images_seen" in asked else None


# Work


def evaluation_choices(_: Studio, __: Asked) -> dict[str, Any]:
    """Features and metrics of evaluations."""
    from imagewright.metrics.registry import DEFAULT_METRICS, list_metrics
    from imagewright.pretrained.features.contract import NETWORKS, WITH_WEIGHTS

    features = [{"name": name, "fetched": name in WITH_WEIGHTS} for name in NETWORKS]
    metrics = [
        {"name": each.name, "summary": each.summary, "usual": each.name in DEFAULT_METRICS} for each in list_metrics()
    ]
    return {"features": features, "metrics": metrics, "count": SAMPLED}


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
    command += ["--features", asked.choice("features", tuple(NETWORKS), "inception")]
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


PAGE = Page(
    "compare",
    reads={
        "abilities": abilities,
        "scores": scores,
        "curves": curves,
        "photo_facts": photo_facts,
        "evaluation_choices": evaluation_choices,
    },
    actions={"evaluate": evaluate, "save_page": save_page},
    wishes={"samples": samples, "photo": photo},
)
