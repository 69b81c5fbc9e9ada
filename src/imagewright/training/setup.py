"""From what the user asked for to a run about to train: options told apart, sizes fitted, an old run compared."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagewright import catalogue, configs, distributed
from imagewright.errors import ConfigError, RunError, nearest_name
from imagewright.images import Images, open_images
from imagewright.phases import Recipe
from imagewright.runs.run import RECORD, WEIGHTS_ALONE, Run
from imagewright.training.engine import Plan
from imagewright.training.options import MAY_DIFFER_ON_RESUME, OF_CLOSED_FORMS, TrainingOptions
from imagewright.versions import versions

REPORTS = 25
CHECKPOINTS = 5


def divided(model_name: str, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the training, and those of the model. An unknown one raises with the nearest name of either."""
    of_training = [field.name for field in dataclasses.fields(TrainingOptions)]
    of_model = configs.options_of(catalogue.model_class(model_name).Config)
    for name in options:
        if name not in of_training and name not in of_model:
            raise ConfigError(
                f"{model_name} has no option {name!r}.{nearest_name(name, of_training + of_model)} "
                f"`imagewright train {model_name} --help` lists them."
            )
    training = {name: value for name, value in options.items() if name in of_training}
    # A model may have an option of the same name (PCA's seed): it is given to both.
    return training, {name: value for name, value in options.items() if name in of_model}


def say_what_is_unused(model_name: str, training: dict[str, Any], say: Callable[[str], None]) -> None:
    """A closed form has no steps: options of these do nothing. That is said and no error: one call fits all models."""
    unused = [name for name in training if name not in OF_CLOSED_FORMS]
    if unused and catalogue.model_class(model_name).is_closed_form():
        say(f"{model_name} is fitted in closed form, without steps: {', '.join(unused)} not used")


def fitted(model_name: str, images: Images, say: Callable[[str], None]) -> Images:
    """The images at a size the model can do. One the user chose is not changed: the configuration will refuse it."""
    nearest = catalogue.model_class(model_name).Config.nearest_size(*images.size)
    if nearest == images.size or images.size_given:
        return images
    say(
        f"{model_name} cannot do {images.height}x{images.width}: images are resized and cropped to "
        f"{nearest[0]}x{nearest[1]} (choose with --size)"
    )
    return images.with_size(nearest)


def config_of(model_name: str, images: Images, options: dict[str, Any]) -> configs.Config:
    """The model's checked configuration for these images."""
    shape = {"size": images.size, "channels": images.channels}
    return configs.build(catalogue.model_class(model_name).Config, shape | options, model_name)


def plan_of(options: TrainingOptions, recipe: Recipe) -> Plan:
    """Every number of the training: the user's, else the recipe's."""
    batch_size = options.batch_size or recipe.batch_size
    world = distributed.world_size()
    if batch_size % world:
        raise ConfigError(
            f"batch_size={batch_size} cannot be shared out over {world} ranks: give a multiple of {world}."
        )
    return Plan(
        images_seen=options.images_seen or recipe.images_seen,
        batch_size=batch_size,
        micro_batch=min(options.micro_batch or batch_size, batch_size // world),
        learning_rate=options.learning_rate or recipe.learning_rate,
        betas=recipe.betas,
        schedule=options.schedule,
        warmup=options.warmup,
        clip=options.clip,
        average_half_life=(
            recipe.average_half_life if options.average_half_life is None else options.average_half_life
        ),
        precision=options.precision,
        seed=options.seed,
    )


def record_of(
    model_name: str, config: configs.Config, images: Images, options: TrainingOptions, plan: Plan | None
) -> dict[str, Any]:
    """What `run.json` says."""
    return {
        "model": model_name,
        "config": dataclasses.asdict(config),
        "source": images.describe(),
        "options": dataclasses.asdict(options),
        "plan": None if plan is None else dataclasses.asdict(plan) | {"ranks": distributed.world_size()},
        "seed": options.seed,
        "versions": versions(),
        "command": shlex.join([program(), *sys.argv[1:]]),
    }


def record_changes(run: Run, options: TrainingOptions, plan: Plan | None) -> None:
    """Keep what a resumed run was given anew (more images, say): resumed again, it goes on to the same end."""
    record = run.record | {"options": dataclasses.asdict(options)}
    if plan is not None:
        record["plan"] = dataclasses.asdict(plan) | {"ranks": distributed.world_size()}
    if json.loads(json.dumps(record)) != run.record:
        run.rewrite(record)


def program() -> str:
    """The program that was started; under `python -m imagewright` the name that `pip` gives the same command."""
    started = Path(sys.argv[0])
    return started.parent.name if started.name == "__main__.py" else started.name


def how_to_go_on() -> str:
    """What to type, or to call, for training to go on."""
    if program() != "imagewright":
        return "Go on by the same call with resume=True."
    typed = [word for word in sys.argv[1:] if word not in ("--force", "--resume")]
    return f"Go on by the same command with --resume: {shlex.join(['imagewright', *typed, '--resume'])}"


def name_of(source: Any) -> str:
    """A name for a run on a source: the source's own, without folders and suffix; `images` for an array."""
    named = source.source if isinstance(source, Images) else source
    return (Path(named).stem if isinstance(named, str | Path) else "") or "images"


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
    return open_images(source, size=tuple(was["size"]), **same)


def check_same(run: Run, model_name: str, images: Images, training: dict[str, Any], model: dict[str, Any]) -> None:
    """Raise `RunError` naming each option given now that differs from the run's, or another source of images."""
    if run.model != model_name:
        raise RunError(f"{run.path} trained {run.model}, not {model_name}: resume it with the model it has.")
    differing = [
        f"{name} is {was[name]!r} in the run and {value!r} now"
        for given, was in ((training, run.record["options"]), (model, run.record["config"]))
        for name, value in given.items()
        if name in was and value != was[name] and name not in MAY_DIFFER_ON_RESUME
    ]
    if differing:
        raise RunError(
            f"{run.path} cannot be resumed with other options: {'; '.join(differing)}. "
            "Leave them out to go on, or train a new run by another --out."
        )
    was, now = run.record["source"], images.describe()
    if (was.get("fingerprint"), was.get("flip")) != (now["fingerprint"], now["flip"]):
        changed = [
            f"{key} was {_in_words(was.get(key))} and is {_in_words(now[key])}"
            for key in ("source", "count", "size", "channels", "crop", "flip")
            if was.get(key) != now[key]
        ]
        what = "; ".join(changed) or f"the pictures of {now['source']} changed"
        raise RunError(
            f"{run.path} was trained on other images: {what}. "
            "A resumed run needs the same ones; train a new run by another --out."
        )


def _in_words(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def resumed_options(run: Run, training: dict[str, Any]) -> TrainingOptions:
    """The run's own options, with what may differ taken from now: more images, where the rate is constant."""
    was = dict(run.record["options"])
    options = configs.build(TrainingOptions, was | training, "training")
    if options.images_seen != was["images_seen"] and options.schedule != "constant":
        raise RunError(
            f"images_seen is {was['images_seen']} in the run and {options.images_seen} now, but its {options.schedule} "
            "schedule ends at the former: only a constant learning rate can be trained on for longer."
        )
    return options
