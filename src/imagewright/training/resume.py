"""Resuming a run: its images and options as they were, and errors for what differs from them now."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from imagewright import catalogue, configs
from imagewright.errors import RunError
from imagewright.images import Images, open_images
from imagewright.images.descriptions import opening_options
from imagewright.model import Model
from imagewright.runs.run import RECORD, WEIGHTS_ALONE, Run
from imagewright.training.options import MAY_DIFFER_ON_RESUME, TrainingOptions
from imagewright.training.plan import Plan, is_scheduled
from imagewright.training.setting import Say, Setting, fit_size, name_sources, plan_record
from imagewright.training.submodels import load_submodels

# Options of runs from before they existed: such runs held no images out, and had no schedule but their own option's.
FORMER_DEFAULTS = {"held_out": 0}


def resolve_resumed(
    run: Run, model_name: str, images: Any, training: dict[str, Any], options: dict[str, Any], say: Say
) -> Setting:
    """The setting of a run to resume. Raises `RunError` if what is given now differs from it."""
    if run.model != model_name:
        raise RunError(f"{run.path} trained {run.model}, not {model_name}: resume it with the model it has.")
    recorded = recorded_sources(run)
    named = name_sources(model_name, images)
    sources = {}
    for place, (name, source) in enumerate(named.items()):
        opened = open_as_recorded(recorded[name], source)
        sources[name] = fit_size(model_name, opened, say) if place == 0 else opened
    check_options(run, training, options)
    for name, opened in sources.items():
        check_source(run, recorded[name], opened)
    model_class = catalogue.model_class(model_name)
    needs_submodels = model_class.is_closed_form() and not run.is_whole()
    return Setting(
        sources=sources,
        options=resumed_options(run, training),
        config=configs.build(model_class.Config, run.record["config"], model_name),
        submodels=load_submodels(model_name, model_options(run)) if needs_submodels else {},
    )


def recorded_sources(run: Run) -> dict[str, dict[str, Any]]:
    """What `run.json` says of each source. Raises `RunError` for a run that cannot be resumed."""
    if "imported" in run.record:
        raise RunError(f"{run.path} was imported, not trained here: there is nothing to resume. Train a new run.")
    for part in ("source", "options"):
        if not isinstance(run.record.get(part), dict):
            raise RunError(f"{run.path / RECORD} is damaged: it says no {part}. {WEIGHTS_ALONE}")
    names = catalogue.model_class(run.model).Config.sources
    # Runs from before there were several sources record one.
    sources: dict[str, dict[str, Any]] = run.record.get("sources") or {names[0]: run.record["source"]}
    if set(sources) != set(names):
        raise RunError(f"{run.path / RECORD} is damaged: its sources are not {', '.join(names)}. {WEIGHTS_ALONE}")
    return sources


def open_as_recorded(recorded: dict[str, Any], source: Any) -> Images:
    """A source given by name is opened as the run opened it; of opened images, only a flip left open is set."""
    if isinstance(source, Images) or "crop" not in recorded:
        opened = open_images(source)
        return opened if opened.flip_given else opened.with_flip(bool(recorded.get("flip")))
    return open_images(source, **opening_options(recorded))


def check_options(run: Run, training: dict[str, Any], options: dict[str, Any]) -> None:
    """Raise `RunError` naming each option given now that differs from the run's."""
    differing = [
        f"{name} is {was[name]!r} in the run and {value!r} now"
        for given, was in ((training, training_options(run)), (options, model_options(run)))
        for name, value in given.items()
        if name in was and value != was[name] and name not in MAY_DIFFER_ON_RESUME
    ]
    if differing:
        raise RunError(
            f"{run.path} cannot be resumed with other options: {'; '.join(differing)}. "
            "Leave them out to go on, or train a new run by another --out."
        )


def check_source(run: Run, recorded: dict[str, Any], images: Images) -> None:
    """Raise `RunError` if the images are not those that the run was trained on."""
    now = images.describe()
    # Without a cache the images come in another order. Runs from before there was a choice had one, and runs from
    # before labels and attributes had a digest are not checked for them.
    was = {"cache": True, "annotations": now["annotations"]} | recorded
    config = run.record["config"]
    learned = ("annotations",) if config.get("class_names") or config.get("attribute_names") else ()
    if any(was.get(key) != now[key] for key in ("fingerprint", "flip", "cache", *learned)):
        changed = [
            f"{key} was {_in_words(was.get(key))} and is {_in_words(now[key])}"
            for key in ("source", "count", "size", "channels", "crop", "flip", "cache")
            if was.get(key) != now[key]
        ]
        part = "pictures" if was.get("fingerprint") != now["fingerprint"] else "labels or attributes"
        what = "; ".join(changed) or f"the {part} of {now['source']} changed"
        raise RunError(
            f"{run.path} was trained on other images: {what}. "
            "A resumed run needs the same ones; train a new run by another --out."
        )


def resumed_options(run: Run, training: dict[str, Any]) -> TrainingOptions:
    """The run's own options, with the ones that may differ taken from now."""
    return configs.build(TrainingOptions, training_options(run) | training, "training")


def check_length(run: Run, model: Model, options: TrainingOptions) -> None:
    """Raise `RunError` for another number of images, if a schedule of the training ends at the former one."""
    was = training_options(run)["images_seen"]
    if options.images_seen == was:
        return
    schedule = options.schedule if options.schedule != "recipe" else "own" if is_scheduled(model) else "constant"
    if schedule != "constant":
        raise RunError(
            f"images_seen is {was} in the run and {options.images_seen} now, but its {schedule} "
            "schedule ends at the former: only a constant learning rate can be trained on for longer."
        )


def record_changes(run: Run, options: TrainingOptions, plan: Plan | None) -> None:
    """Save what a resumed run was given anew (more images, say): resumed again, it trains to the same end."""
    record = run.record | {"options": dataclasses.asdict(options)}
    if plan is not None:
        record["plan"] = plan_record(plan)
    if json.loads(json.dumps(record)) != run.record:
        run.rewrite(record)


def training_options(run: Run) -> dict[str, Any]:
    """The training options that the run recorded, under their present names."""
    return FORMER_DEFAULTS | configs.with_present_names(TrainingOptions, run.record["options"])


def model_options(run: Run) -> dict[str, Any]:
    """The model's options that the run recorded, under their present names."""
    return configs.with_present_names(catalogue.model_class(run.model).Config, run.record["config"])


def _in_words(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)
