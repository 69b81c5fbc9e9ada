"""What a model's configuration is: a frozen, checked dataclass beside its networks, and errors in a user's words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, PositiveInt, ValidationError, field_validator
from pydantic.dataclasses import dataclass

from imagewright.errors import ConfigError, nearest_name

# Fields that the images decide, or the runs that are used, not the user's options: see `options_of`.
DATA_FIELDS = ("size", "channels", "class_names", "attribute_names", "layer_channels", "submodels")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What every model's configuration holds: the shape of its images. Sub-classes add their own options.

    sources: the sets of images that a training reads, by name. CycleGAN has two, "a" and "b".
    input_layers: the layers that an image must have. pix2pix has two, "input" and "target". A model of plain images has
        ("image",), and takes `Batch.images` of any set.
    tiny_options: the options of `tiny`.
    former_names: options renamed since, former to present, for runs that older versions wrote.
    submodel_options: options that may name a run, and the verbs that its model must answer. A copy of that model
        becomes the sub-module of the option's name.
    submodel_names: what such an option may name besides runs and models.
    """

    sources: ClassVar[tuple[str, ...]] = ("images",)
    input_layers: ClassVar[tuple[str, ...]] = ("image",)
    tiny_options: ClassVar[dict[str, Any]] = {}
    former_names: ClassVar[dict[str, str]] = {}
    submodel_options: ClassVar[dict[str, tuple[str, ...]]] = {}
    submodel_names: ClassVar[tuple[str, ...]] = ()

    size: tuple[PositiveInt, PositiveInt] = Field(description="height and width of the images, in pixels")
    channels: Literal[1, 3, 4] = Field(description="channels of the images: 1 grey, 3 RGB, 4 RGBA")

    @classmethod
    def tiny(cls, *, size: tuple[int, int] = (16, 16), channels: int = 3) -> Self:
        """The smallest configuration of this model, at the nearest size that it can do: for tests."""
        from_images: dict[str, Any] = {"size": cls.nearest_size(*size), "channels": channels}
        if "class_names" in cls.__dataclass_fields__:
            from_images["class_names"] = ("one", "other")
        if "layer_channels" in cls.__dataclass_fields__:
            from_images["layer_channels"] = dict.fromkeys(cls.input_layers, channels)
        return cls(**from_images, **cls.tiny_options)

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        """The size this model can do that is nearest to the given one; the same where it can do any."""
        return height, width

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (self.channels, *self.size)


@dataclass(frozen=True, kw_only=True)
class SizedConfig(Config):
    """The configuration of a model that can do some sizes only: those that are their own `nearest_size`."""

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        """Which sizes it can do, as the end of a sentence."""
        raise NotImplementedError

    @field_validator("size")
    @classmethod
    def _size_is_possible(cls, size: tuple[int, int]) -> tuple[int, int]:
        nearest = cls.nearest_size(*size)
        if size != nearest:
            raise ValueError(
                f"size {size[0]}x{size[1]}: {cls.size_rule(size)}. Nearest: --size {nearest[0]}x{nearest[1]}"
            )
        return size


@dataclass(frozen=True, kw_only=True)
class LabelledConfig(Config):
    """The configuration of a model that learns classes: their names come from the images' labels."""

    class_names: tuple[str, ...] = Field(min_length=2, description="the classes, in the order of their numbers")


@dataclass(frozen=True, kw_only=True)
class ConditionedConfig(Config):
    """The configuration of a model that is told the class, or the attributes, of each image: one of the two, or none.

    Sub-classes say what `condition` may be, and its default: auto (labels where there are any, else attributes), none,
    labels, attributes.
    """

    class_names: tuple[str, ...] = Field((), description="the classes, in the order of their numbers")
    attribute_names: tuple[str, ...] = Field((), description="the attributes, in the order of their columns")
    condition: str = Field(description="what pictures are told apart by: labels, attributes, or as the model has it")

    @property
    def conditions(self) -> int:
        """How many classes, or attributes."""
        return 0 if self.condition == "none" else len(self.class_names) or len(self.attribute_names)


@dataclass(frozen=True, kw_only=True)
class CompositeConfig(Config):
    """The configuration of a model that has others inside it, each as {"model": name, "config": ...}."""

    former_names: ClassVar[dict[str, str]] = {"parts": "submodels"}

    submodels: dict[str, dict[str, Any]] = Field(default_factory=dict, description="trained models inside this one")


@dataclass(frozen=True, kw_only=True)
class LayeredConfig(Config):
    """The configuration of a model whose images have several layers: a pair, a label map, an instance map."""

    layer_channels: dict[str, int] = Field(description="channels of each layer, or the classes of a label map")


AnyConfig = TypeVar("AnyConfig")


def options_of(config_class: type[Any]) -> list[str]:
    """The names of the options that a user may set on a configuration."""
    return [field.name for field in dataclasses.fields(config_class) if field.name not in DATA_FIELDS]


def with_present_names(config_class: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Values of a configuration that an older version may have written, under the names that options have now."""
    renamed: dict[str, str] = {}
    for base in reversed(config_class.__mro__):
        renamed |= vars(base).get("former_names", {})
    return {renamed.get(name, name): value for name, value in values.items()}


def build(config_class: type[AnyConfig], values: dict[str, Any], what: str) -> AnyConfig:
    """A checked configuration of `values`; raises `ConfigError` naming each wrong option, its value and the rule.

    `what` is how the message calls the thing that is configured: "vae", "training".
    """
    values = with_present_names(config_class, values)
    check_names(config_class, values, what)
    try:
        return config_class(**values)
    except ValidationError as error:
        raise ConfigError("; ".join(_sentence(problem, what) for problem in error.errors())) from None


def check_names(config_class: type[Any], names: Iterable[str], what: str) -> None:
    """Raise `ConfigError`, with the nearest name, if a configuration has no option of one of the names."""
    known = [field.name for field in dataclasses.fields(config_class)]
    for name in names:
        if name not in known:
            options = ", ".join(option for option in known if option not in DATA_FIELDS)
            raise ConfigError(f"{what} has no option {name!r}.{nearest_name(name, known)} Its options: {options}.")


def _sentence(problem: Any, what: str) -> str:
    rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if problem["type"] == "missing":
        return f"{what}: {'.'.join(map(str, problem['loc']))} is missing"
    if problem["type"] == "value_error":  # a check of our own: its text is already whole
        return f"{what}: {rule}"
    return f"{what}: {problem['loc'][0]}={problem['input']!r}, but it must be {rule}"
