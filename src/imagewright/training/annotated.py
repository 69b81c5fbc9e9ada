"""The pictures that a model can learn from, and the classes or attributes that it learns of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagewright import catalogue, configs
from imagewright.errors import ConfigError, DataError, count_text, nearest_name
from imagewright.images import Images


def choose_annotated(
    model_name: str, source: str, images: Images, condition: str | None, unseen: Sequence[str] = ()
) -> Images:
    """The images of a source that have what the model learns of them; all if it learns neither classes nor attributes.

    Classes without a picture are left out too. What is left out is in the notes of the result.

    model_name: in the catalogue.
    source: the name of the source; labels are learned from the first one, and chosen by from any.
    condition: the option `condition` of a conditioned model; None if it was not given.
    unseen: names of classes that are held out (`choose_unseen`).
    Raises `DataError` if nothing is left.
    """
    model_class = catalogue.model_class(model_name)
    config_class = model_class.Config
    learns_classes = any(feed.needs_labels and feed.source == source for feed in model_class.feeds.values())
    if source == config_class.sources[0]:
        learns_classes |= issubclass(config_class, configs.LabelledConfig)
        if issubclass(config_class, configs.ConditionedConfig):
            how = condition or _default(config_class, "condition")
            if how != "none" and learns_attributes(images, how):
                return _note_equal_attributes(_noted(images, images.with_known_attributes()))
            learns_classes |= how not in ("none", "clusters")
    return _without(_noted(images, images.with_classes()), unseen) if learns_classes else images


def choose_unseen(images: Images, wanted: str) -> tuple[str, ...]:
    """The names of the classes that a training holds out.

    images: with their classes.
    wanted: names with commas between them, or a number: then so many, spread evenly over the classes.
    Raises `DataError` for images without classes, `ConfigError` for an unknown class, and if fewer than two are left.
    """
    if not wanted.strip():
        return ()
    known = images.with_classes().class_names
    if known is None:
        raise DataError(f"held_out_classes={wanted!r}, but the pictures of {images.source} have no classes.")
    asked = [name.strip() for name in wanted.split(",") if name.strip()]
    if len(asked) == 1 and asked[0] not in known and asked[0].isdecimal():
        count = min(int(asked[0]), len(known))
        asked = [known[(2 * place + 1) * len(known) // (2 * count)] for place in range(count)]
    for name in asked:
        if name not in known:
            raise ConfigError(
                f"held_out_classes={wanted!r}: there is no class {name!r}.{nearest_name(name, known)} The classes: "
                f"{_several(known)}."
            )
    left = len(known) - len(set(asked))
    if left < 2:
        raise ConfigError(
            f"held_out_classes={wanted!r} leaves {left} of {len(known)} classes, but training needs two or more."
        )
    return tuple(name for name in known if name in asked)


def unseen_line(unseen: Sequence[str]) -> str:
    """What a new training says of the classes that it holds out."""
    return f"classes that training never sees: {_several(unseen)}"


def _without(images: Images, unseen: Sequence[str]) -> Images:
    """The pictures of the other classes."""
    if not unseen or images.labels is None or images.class_names is None:
        return images
    kept = np.array([name not in unseen for name in images.class_names])[images.labels]
    return images.subset(kept).with_classes()


def _several(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f", and {len(names) - 8} more" if len(names) > 8 else "")


def names_of_classes(images: Images, model_name: str) -> tuple[str, ...]:
    """The classes that a model learns, in the order of their numbers. Raises `DataError` for fewer than two."""
    if images.class_names is None:
        attributes = images.attribute_names or ()
        choice = (
            f", or make classes of an attribute with --label-column NAME (label_column=NAME): {', '.join(attributes)}"
            if attributes
            else ", or name a table of labels with --labels FILE (labels=FILE)"
        )
        if "clusters" in configs.options_of(catalogue.model_class(model_name).Config):
            choice += ", or let clusters of similar pictures be the classes with --condition clusters"
        raise DataError(
            f"{model_name} learns classes, but the pictures of {images.source} have no labels: put them in two "
            f"sub-folders or more, one for each class{choice}."
        )
    if len(images.class_names) < 2:
        raise DataError(
            f"{model_name} needs two classes or more, but all pictures of {images.source} are of one, "
            f"{images.class_names[0]!r}."
        )
    return images.class_names


def names_of_conditions(images: Images, model_name: str, options: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The names of the classes or attributes that a model is conditioned on, as fields of its configuration.

    options: of the model, that the user gave.
    """
    config_class = catalogue.model_class(model_name).Config
    condition = options.get("condition") or _default(config_class, "condition")
    if condition != "clusters" and options.get("clusters", usual := _usual_clusters(config_class)) != usual:
        raise ConfigError(
            f"clusters={options['clusters']} is used with --condition clusters (condition='clusters') alone: give both."
        )
    if condition == "none":
        return {}
    if condition == "clusters":
        count = options.get("clusters") or _default(config_class, "clusters")
        if not isinstance(count, int):
            raise ConfigError(f"clusters={count!r}, but it must be a whole number.")
        if count > len(images):
            raise ConfigError(
                f"clusters={count}, but {images.source} has {count_text(len(images), 'picture')}: give fewer clusters."
            )
        return {"class_names": tuple(f"cluster {number}" for number in range(count))}
    if learns_attributes(images, condition):
        if not images.attribute_names:
            raise DataError(
                f"condition=attributes, but the pictures of {images.source} have none: name a table of 0/1 columns "
                "with --labels FILE (labels=FILE)."
            )
        return {"attribute_names": images.attribute_names}
    return {"class_names": names_of_classes(images, model_name)}


def _usual_clusters(config_class: type[configs.Config]) -> Any:
    """The usual number of clusters; None for a model without them."""
    return _default(config_class, "clusters") if "clusters" in configs.options_of(config_class) else None


def _default(config_class: type[configs.Config], option: str) -> Any:
    return config_class.__dataclass_fields__[option].default.default


def learns_attributes(images: Images, condition: str) -> bool:
    """Whether a model with this `condition` is conditioned on the attributes, and not on the classes, of images."""
    return condition == "attributes" or (
        condition == "auto" and images.class_names is None and bool(images.attributes is not None)
    )


def _note_equal_attributes(images: Images) -> Images:
    """The images, with a note on attributes that all of them have, or none."""
    values, names = images.attributes, images.attribute_names
    if values is None or names is None:
        return images
    equal = [f"{name} ({values[0, place]:g})" for place, name in enumerate(names) if np.ptp(values[:, place]) == 0]
    if equal:
        images.notes.append(
            f"Attributes with one value in all pictures, of which a model learns nothing: {_several(equal)}."
        )
    return images


def _noted(images: Images, chosen: Images) -> Images:
    """The chosen images, with a note on what was left out."""
    left_out = len(images) - len(chosen)
    if left_out:
        chosen.notes.append(
            f"The model learns from labels: {left_out:,} of {len(images):,} pictures have none, and are left out."
        )
    before, after = images.class_names or (), chosen.class_names or ()
    empty = [name for name in before if name not in after]
    if empty:
        named = ", ".join(empty[:5]) + (" ..." if len(empty) > 5 else "")
        chosen.notes.append(f"Classes without a picture, left out: {len(empty):,} ({named}).")
    return chosen
