"""Going on with a run: its images and options as they were, and what given anew differs from them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from imagewright import catalogue, configs, distributed
from imagewright.errors import RunError
from imagewright.images import Images, open_images
from imagewright.runs.run import RECORD, WEIGHTS_ALONE, Run
from imagewright.training.engine import Plan
from imagewright.training.options import MAY_DIFFER_ON_RESUME, TrainingOptions
from imagewright.training.plan_and_setting import Setting, fitted
from imagewright.training.submodels import load_parts

# Runs from before pictures could be held out showed all of them, and go on to.
HELD_NONE_OUT = {"held_out": 0}


def of_run(
    run: Run,
    model_name: str,
    source: Any,
    training: dict[str, Any],
    options: dict[str, Any],
    say: Callable[[str], None],
) -> Setting:
    """The setting of a run to go on with; raises `RunError` where what is given now is at odds with it."""
    images = fitted(model_name, as_trained(run, source), say)
    check_same(run, model_name, images, training, options)
    chosen = resumed_options(run, training)
    config = configs.build(catalogue.model_class(model_name).Config, _model_options(run), model_name)
    needs_parts = catalogue.model_class(model_name).is_closed_form() and not run.is_whole()
    parts = load_parts(model_name, _model_options(run)) if needs_parts else {}
    return Setting(images, chosen, config, parts)


def as_trained(run: Run, source: Any) -> Images:
    """The images of a run to go on with: a named source is opened as the run opened it; opened images stay."""
    if "imported" in run.record:
        raise RunError(f"{run.path} was imported, not trained here: there is nothing to resume. Train a new run.")
    for part in ("source", "options"):
        if not isinstance(run.record.get(part), dict):
            raise RunError(f"{run.path / RECORD} is damaged: it says no {part}. {WEIGHTS_ALONE}")
    was = run.record["source"]
    if isinstance(source, Images) or "crop" not in was:
        return open_images(source)
    same = {name: was[name] for name in ("channels", "crop", "flip", "resize")}
    return open_images(source, size=tuple(was["size"]), cache=was.get("cache", True), **same)


def check_same(run: Run, model_name: str, images: Images, training: dict[str, Any], model: dict[str, Any]) -> None:
    """Raise `RunError` naming each option given now that differs from the run's, or another source of images."""
    if run.model != model_name:
        raise RunError(f"{run.path} trained {run.model}, not {model_name}: resume it with the model it has.")
    differing = [
        f"{name} is {was[name]!r} in the run and {value!r} now"
        for given, was in ((training, _training_options(run)), (model, _model_options(run)))
        for name, value in given.items()
        if name in was and value != was[name] and name not in MAY_DIFFER_ON_RESUME
    ]
    if differing:
        raise RunError(
            f"{run.path} cannot be resumed with other options: {'; '.join(differing)}. "
            "Leave them out to go on, or train a new run by another --out."
        )
    was, now = run.record["source"], images.describe()
    # Without a cache the images come in another order. Runs from before there was a choice had one.
    was = {"cache": True} | was
    if any(was.get(key) != now[key] for key in ("fingerprint", "flip", "cache")):
        changed = [
            f"{key} was {_in_words(was.get(key))} and is {_in_words(now[key])}"
            for key in ("source", "count", "size", "channels", "crop", "flip", "cache")
            if was.get(key) != now[key]
        ]
        what = "; ".join(changed) or f"the pictures of {now['source']} changed"
        raise RunError(
            f"{run.path} was trained on other images: {what}. "
            "A resumed run needs the same ones; train a new run by another --out."
        )


def _training_options(run: Run) -> dict[str, Any]:
    return HELD_NONE_OUT | configs.with_present_names(TrainingOptions, run.record["options"])


def _model_options(run: Run) -> dict[str, Any]:
    return configs.with_present_names(catalogue.model_class(run.model).Config, run.record["config"])


def _in_words(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def resumed_options(run: Run, training: dict[str, Any]) -> TrainingOptions:
    """The run's own options, with what may differ taken from now: more images, where the rate is constant."""
    was = _training_options(run)
    options = configs.build(TrainingOptions, was | training, "training")
    if options.images_seen != was["images_seen"] and options.schedule != "constant":
        raise RunError(
            f"images_seen is {was['images_seen']} in the run and {options.images_seen} now, but its {options.schedule} "
            "schedule ends at the former: only a constant learning rate can be trained on for longer."
        )
    return options


def record_changes(run: Run, options: TrainingOptions, plan: Plan | None) -> None:
    """Keep what a resumed run was given anew (more images, say): resumed again, it goes on to the same end."""
    record = run.record | {"options": dataclasses.asdict(options)}
    if plan is not None:
        record["plan"] = dataclasses.asdict(plan) | {"ranks": distributed.world_size()}
    if json.loads(json.dumps(record)) != run.record:
        run.rewrite(record)
