"""Sub-models: trained models inside a model, such as the encoder to whose latents a density is fitted.

An option names their run. Their weights are copied into the new run, which therefore does not need the other run later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from imagewright import catalogue
from imagewright.capabilities import VERBS, require
from imagewright.configs import Config
from imagewright.errors import ConfigError
from imagewright.images import Images
from imagewright.model import Model
from imagewright.pixels import size_text
from imagewright.runs.loading import load

Submodels = dict[str, Model]
"""Trained models by the option that names them, which is also the name of the sub-module."""


def load_submodels(model_name: str, values: dict[str, Any]) -> Submodels:
    """Load the trained models that the options of a model name.

    An option may also name a model of the catalogue, which is then fitted with the new model and not loaded.

    model_name: in the catalogue.
    values: the options of the model.

    Raises `RunError` for a path that is no run, `UserError` for a model that lacks a verb that the option needs.
    """
    config_class = catalogue.model_class(model_name).Config
    submodels: Submodels = {}
    for option, verbs in config_class.submodel_options.items():
        named = values.get(option)
        if named is None or named in catalogue.entries() or named in config_class.submodel_names:
            continue
        submodel = load(named)
        for verb in verbs:
            require(submodel, VERBS[verb][0], f"{option} {named} ({catalogue.name_of(submodel)})")
        submodels[option] = submodel
    return submodels


def describe_submodels(submodels: Submodels) -> dict[str, dict[str, Any]]:
    """The configurations of the sub-models as JSON values, from which they are built again without their runs."""
    return {
        name: {"model": catalogue.name_of(submodel), "config": dataclasses.asdict(submodel.config)}
        for name, submodel in submodels.items()
    }


def resize_to_submodels(images: Images, submodels: Submodels, say: Callable[[str], None]) -> Images:
    """The images at the size and with the channels of the sub-models.

    images: of the first source.
    submodels: whose size and channels are taken.
    say: called with a note if the images are resized.

    Raises `ConfigError` if the user gave another size.
    """
    for name, submodel in submodels.items():
        wanted: Config = submodel.config
        if (images.size, images.channels) == (wanted.size, wanted.channels):
            continue
        shape = f"{size_text(wanted.size)}x{wanted.channels}"
        if images.size_given and images.size != wanted.size:
            raise ConfigError(
                f"The {name} was trained on {shape} pictures, and {size_text(images.size)} were asked for: "
                f"leave --size out, or use --size {size_text(wanted.size)}."
            )
        say(f"images are resized to {shape}, as the {name} was trained on")
        images = images.with_size(wanted.size, wanted.channels)
    return images


def copy_submodels(model: Model, submodels: Submodels) -> None:
    """Copy the weights of the sub-models into the sub-modules of a model."""
    for name, submodel in submodels.items():
        inside = model.get_submodule(name)
        assert isinstance(inside, Model)
        inside.resize_buffers(submodel.state_dict())
        inside.load_state_dict(submodel.state_dict())
