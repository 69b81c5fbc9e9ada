"""The setting of a training, from the user's arguments: options, images at a supported size, and the configuration."""

from __future__ import annotations

import dataclasses
import inspect
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from imagewright import catalogue, configs, distributed
from imagewright.errors import ConfigError, DataError
from imagewright.familiar_names import suggest_option
from imagewright.images import Images, open_images
from imagewright.recipe import Recipe
from imagewright.training.annotated import (
    choose_annotated,
    choose_unseen,
    names_of_classes,
    names_of_conditions,
    unseen_line,
)
from imagewright.training.arranging import ARRANGING_OPTIONS, reads_domains
from imagewright.training.branching import check_branch, open_branch
from imagewright.training.options import CLOSED_FORM_OPTIONS, TrainingOptions
from imagewright.training.plan import Plan
from imagewright.training.reporting import Say, tell_if_slow
from imagewright.training.sizes import choose_size, colour_if_any, fit_size, match_shape
from imagewright.training.submodels import Submodels, describe_submodels, load_submodels, resize_to_submodels
from imagewright.training.suggestions import planned_minutes, size_of_start, suggest_options
from imagewright.versions import versions

# Named otherwise than in `open_images` in a training, because models have an option `layers` of their own.
RENAMED_FOR_IMAGES = {"image_layers": "layers", "layer_kinds": "kinds"}
# Options of `open_images` that choose from images that are open already.
CHOSEN_OF_OPENED = {"attributes"}


def split_options(model_name: str, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Split options into those of the training, of the model, and of the images, by the names there.

    Options of the images are those of `open_images` and `ARRANGING_OPTIONS`. An option of the training and the model is
    in both; one of the images is in neither of them.
    Raises `ConfigError`, with the nearest name, for an unknown option, and for a start that a fit cannot have.
    """
    of_training = [field.name for field in dataclasses.fields(TrainingOptions)]
    of_model = configs.options_of(catalogue.model_class(model_name).Config)
    of_images = [name for name in inspect.signature(open_images).parameters if name != "source"]
    opening: dict[str, Any] = {}
    for name, value in options.items():
        if name not in of_training and name not in of_model:
            if name in ARRANGING_OPTIONS:
                opening[name] = value
                continue
            opening_name = RENAMED_FOR_IMAGES.get(name, name)
            if opening_name in of_images:
                opening[opening_name] = value
                continue
            raise ConfigError(
                f"{model_name} has no option {name!r}.{suggest_option(name, of_training + of_model)} "
                f"`imagewright train {model_name} --help` lists them."
            )
    training = {name: value for name, value in options.items() if name in of_training}
    if training.get("start") is not None and catalogue.model_class(model_name).is_closed_form():
        raise ConfigError(
            f"{model_name} is fitted in closed form, to the pictures alone, and starts from no run: leave --from out "
            "(start=), or name a model that is trained by steps."
        )
    return training, {name: value for name, value in options.items() if name in of_model}, opening


def open_sources(model_name: str, images: Any, opening: Mapping[str, Any], say: Say) -> Any:
    """The user's images, each source opened with options of `open_images`; as they are if there are no options.

    Raises `ConfigError` if other options than `attributes` are given and a source is open already.
    """
    if not opening:
        return images
    opened: dict[str, Images] = {}
    for name, source in name_sources(model_name, images).items():
        if isinstance(source, Images) and set(opening) <= CHOSEN_OF_OPENED:
            opened[name] = open_images(source, **opening)
            continue
        if isinstance(source, Images):
            given = ", ".join(f"{option}={value!r}" for option, value in opening.items())
            raise ConfigError(
                f"{source.source} is open already: give {', '.join(opening)} to open_images, as in "
                f"train({model_name!r}, open_images(..., {given}))."
            )
        with tell_if_slow(say, f"looking through {describe_source(source)} ..."):
            opened[name] = open_images(source, **opening)
    return opened if len(opened) > 1 else next(iter(opened.values()))


def warn_unused(model_name: str, training: dict[str, Any], say: Say) -> None:
    """Warn about step options that were given for a closed-form model, which has no training steps.

    It is a warning and no error, so that one call works for every model.

    model_name: in the catalogue.
    training: training options that the user gave.
    say: called with the warning.
    """
    unused = [name for name in training if name not in CLOSED_FORM_OPTIONS]
    if unused and catalogue.model_class(model_name).is_closed_form():
        say(f"{model_name} is fitted in closed form, without steps: {', '.join(unused)} not used")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """All that is decided before images are decoded and a model is built.

    sources: images by the name of the source, at the size and with the channels of the model.
    options: every option of the training.
    config: the model's checked configuration.
    submodels: trained models whose weights are copied into sub-modules, by the name of the sub-module.
    limit: seconds that the user gave to the training; None if the user gave none.
    consent: records of the people's consent, as JSON values.
    chosen: why the model was chosen, as JSON values; {} if the user named it.
    """

    sources: Mapping[str, Images]
    options: TrainingOptions
    config: configs.Config
    submodels: Submodels
    limit: float | None = None
    consent: Sequence[Mapping[str, Any]] = ()
    chosen: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def images(self) -> Images:
        """The first source."""
        return next(iter(self.sources.values()))


def resolve_new(
    model_name: str,
    images: Any,
    training: dict[str, Any],
    options: dict[str, Any],
    say: Say,
    *,
    accelerator: bool = False,
    derived: Mapping[str, Any] = MappingProxyType({}),
) -> Setting:
    """The checked setting of a new run. What the user left open follows from the images, the machine and the time.

    model_name: in the catalogue.
    images: a source, or sources by name, as for `train`.
    training: training options that the user gave.
    options: options of the model that the user gave.
    say: called with notes for the user.
    accelerator: whether the training runs on a GPU.
    derived: what the model's opener found out for its configuration.

    Raises `UserError` for images or options that the model cannot be trained with.
    """
    configs.build(TrainingOptions, training, "training")  # a wrong option is told before anything is chosen by it
    check_length_options(training)
    branch = open_branch(model_name, training.get("start"))
    if branch is not None:
        training, options = branch.complete(training, options, say)
    config_class = catalogue.model_class(model_name).Config
    start_size = None if training.get("start") is None else size_of_start(training["start"], model_name)
    named = name_sources(model_name, images)
    submodels = load_submodels(model_name, options)
    sources: dict[str, Images] = {}
    unseen: tuple[str, ...] = ()
    found: dict[str, Images] = {}
    for name, source in named.items():
        with tell_if_slow(say, f"looking through {describe_source(source)} ..."):
            found[name] = open_images(source)
    for name, each in colour_if_any(found, say).items():
        opened = each
        opened.check_layers(config_class.input_layers)
        if not sources:
            unseen = choose_unseen(opened, options.get("held_out_classes") or "")
            if unseen:
                say(unseen_line(unseen))
        opened = choose_annotated(model_name, name, opened, options.get("condition"), unseen)
        if start_size is not None and not (sources or opened.size_given):
            opened = opened.with_size(start_size)
        if not sources:
            opened = resize_to_submodels(opened, submodels, say)
            if submodels:
                opened = fit_size(model_name, opened, say)
            else:
                minutes = planned_minutes(training, accelerator=accelerator)
                opened = choose_size(model_name, opened, options, minutes=minutes, accelerator=accelerator, say=say)
        else:
            opened = match_shape(opened, next(iter(sources.values())), say)
        sources[name] = opened
    _refuse_equal_sources(sources)
    first = next(iter(sources.values()))
    suggested = suggest_options(model_name, first, training, options, accelerator=accelerator, say=say)
    filled = dict(derived) | _domain_names(model_name, images) | ({"unseen_classes": unseen} if unseen else {})
    config = build_config(model_name, first, filled | suggested.model, submodels)
    if branch is not None:
        check_branch(branch, config, say)
    return Setting(
        limit=60 * float(training["minutes"]) if training.get("minutes") is not None else None,
        sources=sources,
        options=configs.build(TrainingOptions, suggested.training, "training"),
        config=config,
        submodels=submodels,
    )


def check_length_options(training: Mapping[str, Any]) -> None:
    """Raise `ConfigError` if the user gave the length of the training twice."""
    if training.get("minutes") is not None and training.get("images_seen") is not None:
        raise ConfigError(
            f"--minutes {training['minutes']:g} and --images-seen {training['images_seen']} both set the length of the "
            "training (minutes and images_seen in Python): give one of them."
        )


def _refuse_equal_sources(sources: Mapping[str, Images]) -> None:
    """Raise `DataError` if two sources are the same files, as in `train cyclegan horses/ horses/`."""
    first, *others = sources.values()
    for other in others:
        if other.fingerprint == first.fingerprint:
            raise DataError(f"{first.source} is given twice: there is nothing to translate. Give two different sets.")


def name_sources(model_name: str, images: Any) -> dict[str, Any]:
    """The user's images by the name of the source. Raises `ConfigError` if the model needs others."""
    names = catalogue.model_class(model_name).Config.sources
    if len(names) == 1:
        alone = isinstance(images, Mapping) and set(images) == set(names)
        return {names[0]: images[names[0]] if alone else images}
    if isinstance(images, Mapping) and set(images) == set(names):
        return {name: images[name] for name in names}
    if isinstance(images, Mapping) and len(images) == len(names) and _names_domains(model_name):
        return dict(zip(names, images.values(), strict=True))
    given = f"{len(images)} ({', '.join(map(str, images))})" if isinstance(images, Mapping) else "one"
    raise ConfigError(
        f"{model_name} trains on {len(names)} sources, {' and '.join(names)}, and {given} was given: "
        f"`imagewright train {model_name} {' '.join(f'{name.upper()}/' for name in names)}`, or in Python "
        f"images={{{', '.join(f'{name!r}: ...' for name in names)}}}."
    )


def _names_domains(model_name: str) -> bool:
    return reads_domains(catalogue.model_class(model_name).Config)


def _domain_names(model_name: str, images: Any) -> dict[str, Any]:
    """The names of two domains: the user's keys, or the names of their sources if these differ."""
    if not _names_domains(model_name):
        return {}
    sources = name_sources(model_name, images)
    names = list(sources) if set(images) == set(sources) else list(images)
    found = [name_run(source) for source in sources.values()] if names == list(sources) else names
    told = len(set(found)) == len(found) and "images" not in found
    return {"domain_names": tuple(found if told else names)}


def build_config(model_name: str, images: Images, options: dict[str, Any], submodels: Submodels) -> configs.Config:
    """Build the model's checked configuration.

    model_name: in the catalogue.
    images: of the first source; they decide size, channels, classes, attributes and layers.
    options: options of the model that the user gave.
    submodels: trained models inside the model, by the name of the sub-module.

    Raises `DataError` if the model needs labels or attributes that the images do not have, `ConfigError` for a wrong
    option.
    """
    config_class = catalogue.model_class(model_name).Config
    derived: dict[str, Any] = {"size": images.size, "channels": images.channels}
    if issubclass(config_class, configs.LabelledConfig):
        derived["class_names"] = names_of_classes(images, model_name)
    if issubclass(config_class, configs.ConditionedConfig):
        derived |= names_of_conditions(images, model_name, options)
    if issubclass(config_class, configs.LayeredConfig):
        derived["layer_channels"] = {layer.name: layer.classes or layer.channels for layer in images.layers}
        derived["layer_kinds"] = {layer.name: layer.kind for layer in images.layers if layer.kind != "picture"}
    if submodels:
        derived["submodels"] = describe_submodels(submodels)
    return configs.build(config_class, derived | options, model_name)


def build_plan(options: TrainingOptions, recipe: Recipe, rate: float | None = None) -> Plan:
    """Build the plan of a training: the user's options, completed by the recipe at the start of training.

    What is measured (`complete_plan`) is not in it: a length in minutes, and the precision if it is "auto".

    Raises `ConfigError` if the batch size is no multiple of the number of ranks.
    """
    batch_size = options.batch_size or recipe.batch_size
    world = distributed.world_size()
    if batch_size % world:
        raise ConfigError(f"batch_size={batch_size} cannot be divided among {world} ranks: give a multiple of {world}.")
    return Plan(
        images_seen=options.images_seen or recipe.images_seen,
        batch_size=batch_size,
        micro_batch=None if options.micro_batch is None else min(options.micro_batch, batch_size // world),
        learning_rate=options.learning_rate or rate or recipe.optimizer.learning_rate,
        schedule=options.schedule,
        warmup=options.warmup,
        clip=options.clip,
        ema_half_life=options.ema_half_life,
        precision="fp32" if options.precision == "auto" else options.precision,
        seed=options.seed,
        capture=options.capture,
    )


def make_run_record(
    model_name: str, setting: Setting, plan: Plan | None, started_from: dict[str, Any] | None
) -> dict[str, Any]:
    """The content of `run.json`.

    model_name: in the catalogue.
    setting: of the training.
    plan: None for a closed-form model.
    started_from: the weights that `--from` took from another run; None without it.
    """
    return {
        "model": model_name,
        "config": dataclasses.asdict(setting.config),
        "source": setting.images.describe(),
        "sources": {name: images.describe() for name, images in setting.sources.items()},
        "options": dataclasses.asdict(setting.options),
        "plan": plan_record(plan),
        "seed": setting.options.seed,
        **({} if started_from is None else {"started_from": started_from}),
        **({"consent": list(setting.consent)} if setting.consent else {}),
        **({"chosen": dict(setting.chosen)} if setting.chosen else {}),
        "versions": versions(),
        "command": shlex.join([program(), *sys.argv[1:]]),
    }


def plan_record(plan: Plan | None) -> dict[str, Any] | None:
    """A plan and the number of ranks, as JSON values."""
    return None if plan is None else dataclasses.asdict(plan) | {"ranks": distributed.world_size()}


def program() -> str:
    """The name of the running program; `imagewright` also for `python -m imagewright`."""
    started = Path(sys.argv[0])
    return started.parent.name if started.name == "__main__.py" else started.name


def resume_command() -> str:
    """A sentence with the command, or the call, that resumes the training."""
    if program() != "imagewright":
        return "Resume it by the same call with resume=True."
    typed = [word for word in sys.argv[1:] if word not in ("--force", "--resume", "--auto-resume")]
    ranks, here = distributed.world_size(), distributed.local_world_size()
    if ranks != here:
        return "Resume it by the same torchrun command on each machine, with --resume at its end."
    start = ["imagewright"] if ranks == 1 else ["torchrun", "--nproc-per-node", str(ranks), "-m", "imagewright"]
    return f"Resume it by the same command with --resume: {shlex.join([*start, *typed, '--resume'])}"


def describe_source(source: Any) -> str:
    """A source in a sentence: its path or name; "the pictures" for other objects."""
    return str(source) if isinstance(source, str | Path) else "the pictures"


def name_run(source: Any) -> str:
    """A name for a run on a source: that of the source without folders and suffix; `images` for other objects.

    A mapping of several sources has the name of the first.
    """
    if isinstance(source, Mapping | tuple):
        return name_run(next(iter(source.values() if isinstance(source, Mapping) else source), None))
    named = source.source if isinstance(source, Images) else source
    return (Path(named).stem if isinstance(named, str | Path) else "") or "images"
