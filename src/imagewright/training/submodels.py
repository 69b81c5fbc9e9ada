"""Models inside a model: runs that an option names (whose latents a density is fitted to), loaded when training starts.

A copy of the part is kept within the new run, which therefore stays whole where the other is moved or removed.
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
from imagewright.runs.loading import load

Parts = dict[str, Model]


def load_parts(model_name: str, values: dict[str, Any]) -> Parts:
    """The trained models that options of `model_name` name, by option. One that names a model to fit is left out.

    Raises `RunError` for what is no run, and `UserError` for a model that does not answer the verbs the part needs.
    """
    config_class = catalogue.model_class(model_name).Config
    parts: Parts = {}
    for option, verbs in config_class.part_options.items():
        named = values.get(option)
        if named is None or named in catalogue.entries() or named in config_class.part_names:
            continue
        part = load(named)
        for verb in verbs:
            require(part, VERBS[verb][0], f"{option} {named} ({catalogue.name_of(part)})")
        parts[option] = part
    return parts


def describe(parts: Parts) -> dict[str, dict[str, Any]]:
    """What the configuration keeps of the parts, so that they can be built again without their runs."""
    return {
        name: {"model": catalogue.name_of(part), "config": dataclasses.asdict(part.config)}
        for name, part in parts.items()
    }


def at_their_size(images: Images, parts: Parts, say: Callable[[str], None]) -> Images:
    """The images as the parts were trained on them: size and channels. Raises where the user chose another size."""
    for name, part in parts.items():
        wanted: Config = part.config
        if (images.size, images.channels) == (wanted.size, wanted.channels):
            continue
        shape = f"{wanted.size[0]}x{wanted.size[1]}x{wanted.channels}"
        if images.size_given and images.size != wanted.size:
            raise ConfigError(
                f"The {name} was trained on {shape} pictures, and {images.height}x{images.width} were asked for: "
                f"leave --size out, or use --size {wanted.size[0]}x{wanted.size[1]}."
            )
        say(f"images are resized to {shape}, as the {name} was trained on")
        images = images.with_size(wanted.size, wanted.channels)
    return images


def fill(model: Model, parts: Parts) -> None:
    """Copy the parts' weights into the sub-modules of their names."""
    for name, part in parts.items():
        inside = model.get_submodule(name)
        assert isinstance(inside, Model)
        inside.make_room(part.state_dict())
        inside.load_state_dict(part.state_dict())
