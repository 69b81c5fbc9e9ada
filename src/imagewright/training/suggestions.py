"""Options that a model suggests for the images, the machine and the time, where the user gave none."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from imagewright import catalogue, configs
from imagewright.errors import ConfigError, RunError, count_text
from imagewright.images import Images
from imagewright.pixels import size_text
from imagewright.runs.points import names_point, split_point
from imagewright.runs.run import Run
from imagewright.training.options import TrainingOptions
from imagewright.training.reporting import Say
from imagewright.traits import Traits

MINUTES_ON_CPU, MINUTES_ON_GPU = 10.0, 60.0  # of a training whose length the user left open
USUAL_COUNTS, USUAL_SIDES = (100, 5_000, 100_000), (28, 64, 128, 256)  # of images and pixels, in sets of users
USUAL_MINUTES = (10.0, 60.0)
TAKEN_FROM_START = {"base": "none"}  # options without which the weights mean another thing, and what is usual
SHORT_NAMES = {"batch_size": "batch", "learning_rate": "learning rate", "latent_dim": "latents"}


@dataclass(frozen=True)
class Suggested:
    """The options of a training and of its model, with those that the model suggested.

    training, model: options by name; those that the user gave are as given.
    """

    training: dict[str, Any]
    model: dict[str, Any]


def planned_minutes(training: Mapping[str, Any], *, accelerator: bool) -> float:
    """The minutes that the user gave, or those of a training whose length is left open.

    training: training options that the user gave.
    accelerator: whether it runs on a GPU.
    """
    return float(training.get("minutes") or (MINUTES_ON_GPU if accelerator else MINUTES_ON_CPU))


def suggest_options(
    model_name: str,
    images: Images,
    training: dict[str, Any],
    options: dict[str, Any],
    *,
    accelerator: bool,
    say: Say,
) -> Suggested:
    """The options that the user gave, and for the others those that the model suggests.

    model_name: in the catalogue.
    images: of the first source, at the size of the training.
    training: training options that the user gave.
    options: options of the model that the user gave.
    accelerator: whether the training runs on a GPU.
    say: called with one line that names what was chosen.

    With `defaults="published"` nothing is suggested. With `start` (`--from`), options of the model that are suggested
    are taken from that run, so that its weights fit.

    Raises `ConfigError` if the model suggests an option that does not exist.
    """
    if training.get("defaults", "auto") != "auto":
        return Suggested(training, options)
    config_class = catalogue.model_class(model_name).Config
    traits = describe_traits(images, training, options, accelerator=accelerator)
    suggested = config_class.suggest(traits)
    of_model = set(configs.options_of(config_class))
    of_training = {field.name for field in dataclasses.fields(TrainingOptions)}
    unknown = suggested.keys() - of_model - of_training
    if unknown:
        raise ConfigError(
            f"{model_name} suggests {', '.join(sorted(unknown))}, which is no option of it: leave its "
            "suggestions out by --defaults published."
        )
    chosen = {name: value for name, value in suggested.items() if name not in traits.given}
    if training.get("start") is not None:
        if names_point(training["start"]):  # a branch has the options of its run
            chosen = {name: value for name, value in chosen.items() if name in of_model}
        names = (chosen.keys() | TAKEN_FROM_START.keys()) & of_model - traits.given.keys()
        taken = _options_of_start(training["start"], model_name, names)
        chosen |= {name: value for name, value in taken.items() if value != TAKEN_FROM_START.get(name, ...)}
    if chosen:
        say(_chosen_line(traits, chosen))
    return Suggested(
        training | {name: value for name, value in chosen.items() if name in of_training},
        options | {name: value for name, value in chosen.items() if name in of_model},
    )


def usual_suggestions(model_name: str, *, accelerator: bool) -> dict[str, Any]:
    """What a model suggests before its images are known: each option that it suggests for some of the usual sets.

    model_name: in the catalogue.
    accelerator: whether the training runs on a GPU.

    Returns the value of each option that is the same for all of them, and None for one that depends on the images.
    """
    config_class = catalogue.model_class(model_name).Config
    found = [
        config_class.suggest(
            Traits(images=count, height=side, width=side, channels=channels, accelerator=accelerator, minutes=minutes)
        )
        for count, side, channels, minutes in product(USUAL_COUNTS, USUAL_SIDES, (1, 3), USUAL_MINUTES)
    ]
    names = dict.fromkeys(name for each in found for name in each)
    values = {name: [each.get(name) for each in found] for name in names}
    return {name: seen[0] if all(each == seen[0] for each in seen) else None for name, seen in values.items()}


def describe_traits(
    images: Images, training: Mapping[str, Any], options: Mapping[str, Any], *, accelerator: bool
) -> Traits:
    """What a model may choose its options by."""
    return Traits(
        images=len(images),
        height=images.height,
        width=images.width,
        channels=images.channels,
        classes=len(images.class_names or ()),
        accelerator=accelerator,
        minutes=planned_minutes(training, accelerator=accelerator),
        given={**training, **options},
    )


def _options_of_start(start: str, model_name: str, names: set[str]) -> dict[str, Any]:
    """The values that a run, or the run of a weights file, has for some options; {} if it is of another model."""
    config = _config_of_start(start, model_name)
    return {name: config[name] for name in names if name in config}


def size_of_start(start: str, model_name: str) -> tuple[int, int] | None:
    """(height, width) of the pictures of a run, or of the run of a weights file; None if it is of another model."""
    size = _config_of_start(start, model_name).get("size")
    return None if size is None else (size[0], size[1])


def _config_of_start(start: str, model_name: str) -> dict[str, Any]:
    path, _ = split_point(start)
    try:
        run = Run(path.parent.parent if path.is_file() else path)
    except RunError:  # weights without a run, or no run at all: `start_from` says so
        return {}
    config: dict[str, Any] = run.record["config"] if run.model == model_name else {}
    return config


def _chosen_line(traits: Traits, chosen: Mapping[str, Any]) -> str:
    values = ", ".join(
        f"{SHORT_NAMES.get(name, name.replace('_', ' '))} {_format(value)}"
        for name, value in chosen.items()
        if value is not None  # of the run that this one starts from: the model's own rule, as by default
    )
    return (
        f"chosen for {count_text(traits.images, 'picture')} of {size_text((traits.height, traits.width))} on "
        f"{'a GPU' if traits.accelerator else 'a CPU'}: {values} (--defaults published for the paper's)"
    )


def _format(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
