"""From what the user asked for to a run about to train: options told apart, sizes fitted, an old run compared."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright import catalogue, configs, distributed
from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.images import Images, open_images
from imagewright.recipe import Recipe
from imagewright.training.engine import Plan
from imagewright.training.options import OF_CLOSED_FORMS, TrainingOptions
from imagewright.training.submodels import Parts, at_their_size, describe, load_parts
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


@dataclass(frozen=True)
class Setting:
    """What is settled before the long work: the images as the model takes them, every option, the models inside."""

    images: Images
    options: TrainingOptions
    config: configs.Config
    parts: Parts


def of_new_run(
    model_name: str, source: Any, training: dict[str, Any], options: dict[str, Any], say: Callable[[str], None]
) -> Setting:
    """The setting of a new run, checked."""
    parts = load_parts(model_name, options)
    images = fitted(model_name, at_their_size(open_images(source), parts, say), say)
    chosen = configs.build(TrainingOptions, training, "training")
    return Setting(images, chosen, config_of(model_name, images, options, parts), parts)


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


def config_of(model_name: str, images: Images, options: dict[str, Any], parts: Parts) -> configs.Config:
    """The model's checked configuration for these images. Raises `DataError` where it needs labels and has none."""
    config_class = catalogue.model_class(model_name).Config
    derived: dict[str, Any] = {"size": images.size, "channels": images.channels}
    if issubclass(config_class, configs.LabelledConfig):
        derived["class_names"] = _classes_of(images, model_name)
    if issubclass(config_class, configs.ConditionedConfig):
        derived |= _conditions_of(images, model_name, options.get("condition") or _default(config_class, "condition"))
    if parts:
        derived["parts"] = describe(parts)
    return configs.build(config_class, derived | options, model_name)


def _default(config_class: type[configs.Config], name: str) -> Any:
    return config_class.__dataclass_fields__[name].default.default


def _classes_of(images: Images, model_name: str) -> tuple[str, ...]:
    if images.class_names is None:
        raise DataError(
            f"{model_name} learns classes, but the pictures of {images.source} have no labels: put them in a "
            "sub-folder a class, or name a table of labels with --labels FILE (labels=FILE)."
        )
    if len(images.class_names) < 2:
        raise DataError(
            f"{model_name} tells classes apart, but all pictures of {images.source} are of one, "
            f"{images.class_names[0]!r}: two or more are needed."
        )
    return images.class_names


def _conditions_of(images: Images, model_name: str, condition: str) -> dict[str, tuple[str, ...]]:
    """The names of the classes, or of the attributes, that a conditional model is told."""
    if condition == "none":
        return {}
    if condition == "attributes" or (condition == "auto" and images.class_names is None and images.attribute_names):
        if not images.attribute_names:
            raise DataError(
                f"condition=attributes, but the pictures of {images.source} have none: name a table of 0/1 columns "
                "with --labels FILE (labels=FILE)."
            )
        return {"attribute_names": images.attribute_names}
    return {"class_names": _classes_of(images, model_name)}


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
        ema_half_life=(recipe.ema_half_life if options.ema_half_life is None else options.ema_half_life),
        precision=options.precision,
        seed=options.seed,
        rates=recipe.rates,
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
