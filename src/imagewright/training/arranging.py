"""From what the user gave to the layers or sources that a model reads: pairs in either direction, and two domains."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from imagewright import catalogue, configs
from imagewright.errors import ConfigError
from imagewright.images import Images, open_images
from imagewright.images.descriptions import opening_options
from imagewright.images.domains import WITHOUT, split_domains
from imagewright.images.opening_layers import A_AND_B, find_layer_folders
from imagewright.images.opening_shards import declared_layers
from imagewright.runs.run import Run
from imagewright.training.reporting import Say, tell_if_slow

Direction = Literal["AtoB", "BtoA"]
ARRANGING_OPTIONS = ("direction", "domains")
"""Options of a training that say how its images are arranged; `open_images` does not have them."""
Arranged = tuple[Any, dict[str, Any]]
"""The images as `open_sources` takes them, and the options that open them."""


def reads_pairs(config_class: type[configs.Config]) -> bool:
    """Whether a model reads pictures of two layers, so that it has the option `direction`."""
    return len(config_class.input_layers) == 2


def reads_domains(config_class: type[configs.Config]) -> bool:
    """Whether a model translates between two domains, so that it has the option `domains`."""
    return issubclass(config_class, configs.TwoDomainConfig)


@dataclass(frozen=True)
class SourceSlot:
    """A source that a training asks for.

    name: of the source, or of the layer that it holds.
    description: what it is; None for plain pictures.
    is_optional: whether the source before it may hold it too.
    """

    name: str
    description: str | None = None
    is_optional: bool = False


def source_slots(config_class: type[configs.Config]) -> list[SourceSlot]:
    """The sources that a model is trained on, in the order of the arguments of `imagewright train`."""
    names = config_class.sources
    if config_class.source_help:
        return [SourceSlot(name, config_class.source_help[name]) for name in names]
    if reads_domains(config_class):
        said = (
            "the second domain; leave it out for folders trainA and trainB in one, or a source of classes (--domains)"
        )
    elif reads_pairs(config_class):
        names = config_class.input_layers
        said = f"the folder of {names[1]} pictures; leave it out if the first source holds pairs"
    else:
        return [SourceSlot(name) for name in names]
    return [SourceSlot(names[0]), SourceSlot(names[1], said, is_optional=True)]


def arrange(model_name: str, images: Any, opening: Mapping[str, Any], say: Say, run: Run | None = None) -> Arranged:
    """The images of a training as layers or sources of the model.

    model_name: in the catalogue.
    images: as the user gave them.
    opening: options of `open_images` that the user gave, with `direction` and `domains`.
    say: called with what was found by its names or its shape.
    run: the run that is resumed; None for a new one.

    Raises `UserError` for images and options that do not go together.
    """
    config_class = catalogue.model_class(model_name).Config
    rest = {name: value for name, value in opening.items() if name not in ARRANGING_OPTIONS}
    direction, domains = opening.get("direction"), opening.get("domains")
    if direction is not None and direction not in get_args(Direction):
        raise ConfigError(f"direction={direction!r}: expected AtoB or BtoA.")
    for name, value, is_possible in (
        ("direction", direction, reads_pairs(config_class)),
        ("domains", domains, reads_domains(config_class)),
    ):
        if value is not None and not is_possible:
            raise ConfigError(f"{model_name} has no option {name!r}: it reads neither pairs nor two domains so.")
    if len(config_class.input_layers) > 1:
        if run is not None and not rest and direction is None:
            return images, rest  # the layers that the run recorded
        return _arrange_pairs(config_class.input_layers, images, rest, direction, say)
    if reads_domains(config_class):
        return _arrange_domains(model_name, images, rest, domains, say, run)
    return images, rest


def _arrange_pairs(
    layers: tuple[str, ...], images: Any, opening: dict[str, Any], direction: str | None, say: Say
) -> Arranged:
    """Pairs in sub-folders or side by side, with A or the left half as the first layer; BtoA: as the second."""
    order = layers[::-1] if direction == "BtoA" else layers
    if isinstance(images, Mapping):
        if direction == "BtoA" and set(images) == set(layers):
            images = {name: images[other] for name, other in zip(layers, order, strict=True)}
        return images, opening
    if direction is not None and ("layers" in opening or isinstance(images, Images)):
        raise ConfigError(
            "--direction says which half of a pair is the input, and the layers are named already: leave it out, or "
            "leave --image-layers (image_layers=) out."
        )
    if "layers" in opening or not isinstance(images, str | Path):
        return images, opening
    declared = declared_layers(images)
    if declared and direction is not None:
        raise ConfigError(
            f"{images} are shards whose layers {' and '.join(declared)} say which is which: leave --direction out, "
            "or write the shards again with the layers the other way round."
        )
    folders, names = find_layer_folders(images, order, opening.get("split"))
    if folders and names == A_AND_B:
        return images, {**opening, "layers": order}  # a note of the images says which is which
    if folders and direction is not None:
        one, other = (folders[name] for name in layers)
        raise ConfigError(
            f"{images} holds the folders {one} and {other}, whose names say which is which: leave --direction out, or "
            f"give two folders, the inputs first: {images}/{other} {images}/{one}."
        )
    if folders:
        return images, {**opening, "layers": layers}
    if len(layers) == 2 and not declared and (direction is not None or _are_two_squares(images, opening, say)):
        say(
            f"pictures are opened as pairs side by side, {order[0]} on the left and {order[1]} on the right "
            f"(--direction {'AtoB' if direction == 'BtoA' else 'BtoA'}: the other way round)"
        )
        return images, {**opening, "layers": order}
    return images, opening


def _are_two_squares(source: str | Path, opening: Mapping[str, Any], say: Say) -> bool:
    """Whether the pictures of a source are exactly twice as wide as high."""
    with tell_if_slow(say, f"looking through {source} ..."):
        plain = open_images(source, split=opening.get("split"))
    return len(plain.layers) == 1 and plain.width == 2 * plain.height


def _arrange_domains(
    model_name: str, images: Any, opening: dict[str, Any], domains: Any, say: Say, run: Run | None
) -> Arranged:
    """Two domains from one source: folders A and B, two classes, or an attribute. Two sources stay as they are."""
    if isinstance(images, Mapping):
        if domains is not None:
            raise ConfigError("--domains chooses two domains of one source, and two sources were given: give one.")
        return images, opening
    recorded: dict[str, Any] = {}
    if run is not None and not opening:
        recorded = opening_options(next(iter(run.record["sources"].values())))
    if domains is None and isinstance(images, str | Path):
        folders, _ = find_layer_folders(images, A_AND_B, opening.get("split"), needed=False)
        if folders:
            return _open_domain_folders(Path(images), folders, recorded | opening, say), {}
    if domains is None and run is not None:
        domains = _recorded_domains(run)
    if isinstance(images, Images):
        if opening:
            raise ConfigError(f"{images.source} is open already: give {', '.join(opening)} to open_images.")
        opened = images
    else:
        with tell_if_slow(say, f"looking through {images} ..."):
            opened = open_images(images, **(recorded | opening))
        if opened.channels == 1 < opened.most_channels and "channels" not in recorded | opening:
            say(f"some pictures of {opened.source} are in colour: all are opened in colour (--channels 1: in grey)")
            opened = opened.with_size(None, channels=3)
    try:
        found = split_domains(opened, domains)
    except ConfigError as error:
        if domains is not None:
            raise
        raise ConfigError(
            f"{model_name} trains on 2 sources, a and b, and one was given: `imagewright train {model_name} A/ B/`, or "
            f"in Python images={{'a': ..., 'b': ...}}. {error}"
        ) from None
    counts = " and ".join(f"{name} ({len(part):,})" for name, part in found.items())
    say(f"the domains are {counts} of {len(opened):,} pictures of {opened.source}")
    return found, {}


def _open_domain_folders(
    source: Path, folders: Mapping[str, str], opening: dict[str, Any], say: Say
) -> dict[str, Images]:
    """The folders A and B of a published data set; one named horse2zebra says the names of its domains."""
    names = re.fullmatch(r"([A-Za-z]\w*?)2([A-Za-z]\w*)", source.stem)
    split = opening.get("split")
    rest = {name: value for name, value in opening.items() if name != "split"}
    found: dict[str, Images] = {}
    for domain, folder in zip(names.groups() if names else folders, folders.values(), strict=True):
        if source.is_file():
            opened = open_images(source, **rest, split=folder)
        else:
            inside = split if folder in A_AND_B else None  # A/train and B/train
            opened = open_images(source / folder, **rest, split=inside)
        say(f"the folder {folder} of {source} is the domain {domain}")
        found[domain] = opened
    return found


def _check_source_was_split(run: Run) -> None:
    """Raise `ConfigError` for a run whose domains were two sources: one source is not divided to resume it."""
    one, other = (str(source.get("source")) for source in run.record["sources"].values())
    if one != other:
        raise ConfigError(
            f"{run.path} was trained on two sources, and one was given. Resume it with both: imagewright train "
            f"{run.model} {shlex.quote(one)} {shlex.quote(other)} --resume --out {shlex.quote(str(run.path))}"
        )


def _recorded_domains(run: Run) -> tuple[str, ...] | None:
    """The names that `split_domains` takes, of the domains of a run."""
    _check_source_was_split(run)
    one, other = run.record["config"]["domain_names"]
    return (other,) if one == f"{WITHOUT}{other}" else (one, other)
