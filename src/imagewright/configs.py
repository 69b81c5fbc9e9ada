"""Configurations of models: frozen, checked dataclasses, and errors that name the option, its value and the rule."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin

from pydantic import Field, ValidationError, field_validator
from pydantic.dataclasses import dataclass

from imagewright.errors import ConfigError
from imagewright.familiar_names import suggest_option
from imagewright.pixels import SIDE_LIMIT, size_text
from imagewright.traits import Traits

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

# Fields that training fills from the images, or from runs that an option names. They are no options of the user: see
# `options_of`.
DATA_FIELDS = (
    "size",
    "channels",
    "class_names",
    "unseen_classes",
    "attribute_names",
    "domain_names",
    "domain_channels",
    "layer_channels",
    "layer_kinds",
    "submodels",
    "crop",
)
Side = Annotated[int, Field(ge=1, le=SIDE_LIMIT)]
FAR_AWAY = 1e6  # bounds from here on only catch slips of the keyboard, and are not shown


@dataclass(frozen=True, kw_only=True)
class Config:
    """The base of all configurations: the shape of the images. Sub-classes add the options of their model.

    size: height and width of the images, in pixels.
    channels: channels of the images: 1 grey, 3 RGB, 4 RGBA.

    Of the class:
    sources: names of the sets of images that a training reads. CycleGAN has two, "a" and "b".
    input_layers: names of the layers that an image must have. pix2pix has two, "input" and "target". A model of plain
        images has ("image",), and reads `Batch.images` of any set.
    tiny_options: values of the options in the preset `tiny`.
    former_names: renamed options, former name to present name, for runs that older versions wrote.
    submodel_options: options that may name a run, with the verbs that its model must answer. A copy of that model
        becomes the sub-module of the option's name.
    submodel_names: values of these options that are neither runs nor models.
    source_help: what each source is, for the help, if it is more than pictures. Labels and layers are then no options.
    needs_consent: whether a training asks for the consent of the people whose faces are learned (`consent.py`).
    keeps_images: whether the weights hold the training images themselves, or codes from which they can be rebuilt.
    """

    sources: ClassVar[tuple[str, ...]] = ("images",)
    input_layers: ClassVar[tuple[str, ...]] = ("image",)
    tiny_options: ClassVar[dict[str, Any]] = {}
    former_names: ClassVar[dict[str, str]] = {}
    submodel_options: ClassVar[dict[str, tuple[str, ...]]] = {}
    submodel_names: ClassVar[tuple[str, ...]] = ()
    needs_consent: ClassVar[bool] = False
    keeps_images: ClassVar[bool] = False
    source_help: ClassVar[dict[str, str]] = {}

    size: tuple[Side, Side] = Field(description="height and width of the images, in pixels")
    channels: Literal[1, 3, 4] = Field(description="channels of the images: 1 grey, 3 RGB, 4 RGBA")

    @classmethod
    def tiny(cls, *, size: tuple[int, int] = (16, 16), channels: int = 3) -> Self:
        """The smallest configuration of this model, for tests.

        size: height and width in pixels; the nearest size that the model supports is taken.
        channels: 1, 3 or 4.
        """
        from_images: dict[str, Any] = {"size": cls.nearest_size(*size), "channels": channels}
        if "class_names" in cls.__dataclass_fields__:
            from_images["class_names"] = ("one", "other")
        if "layer_channels" in cls.__dataclass_fields__:
            from_images["layer_channels"] = dict.fromkeys(cls.input_layers, channels)
        return cls(**from_images, **cls.tiny_options)

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        """The supported size (height, width) nearest to the given one; the given one if every size is supported."""
        return height, width

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Options that suit the images, the machine and the time, for `train` to use where the user gave none.

        traits: of the training.

        Returns options of the model and of the training by name, such as {"width": 32, "batch_size": 16}. An option
        that is not in it has its default. The size of the images is chosen before.
        A suggested `schedule` would keep the user from training a run for longer.
        """
        return {}

    @classmethod
    def suggest_side(cls, given: Mapping[str, Any], *, accelerator: bool) -> int | None:
        """The shorter side, in pixels, at which larger images are trained if the user gives no size.

        given: the options of the model that the user gave.
        accelerator: whether the training runs on a GPU.

        None leaves it to the time that there is.
        """
        return None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return (self.channels, *self.size)


@dataclass(frozen=True, kw_only=True)
class SizedConfig(Config):
    """The configuration of a model that supports some sizes only.

    A size is supported if `nearest_size` returns it unchanged. Any other size raises an error with `size_rule` and the
    nearest supported size.
    """

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        """Which sizes are supported, as the end of a sentence. `size` is the refused one, (height, width)."""
        raise NotImplementedError

    @field_validator("size")
    @classmethod
    def _size_is_possible(cls, size: tuple[int, int]) -> tuple[int, int]:
        nearest = cls.nearest_size(*size)
        if size != nearest:
            raise ValueError(f"size {size_text(size)}: {cls.size_rule(size)}. Nearest: --size {size_text(nearest)}")
        return size


@dataclass(frozen=True, kw_only=True)
class MultipleSizedConfig(SizedConfig):
    """The configuration of a model whose sides in pixels are multiples of `unit`, `smallest` or more."""

    unit: ClassVar[int]
    smallest: ClassVar[int]

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        return f"both sides must be multiples of {cls.unit}, {cls.smallest} or more"

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        nearest_height, nearest_width = (
            max(cls.smallest, round(side / cls.unit) * cls.unit) for side in (height, width)
        )
        return nearest_height, nearest_width


@dataclass(frozen=True, kw_only=True)
class DoublingConfig(SizedConfig):
    """The configuration of a model whose maps double from a base, of which the shorter side has 4 to 7 pixels.

    Sides are then multiples of the largest power of two that leaves 4 pixels or more of the shorter one.
    """

    base_side: ClassVar[int] = 4

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        least, unit = 2 * cls.base_side, 2 ** cls.doublings_of(size)
        return (
            f"both sides must be {least} or more, and multiples of {unit} if the shorter one has {min(size)} pixels; "
            f"best are {cls.base_side} pixels times a power of two"
        )

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        least, unit = 2 * cls.base_side, 2 ** cls.doublings_of((height, width))
        nearest = max(least, round(height / unit) * unit), max(least, round(width / unit) * unit)
        # Rounding up may reach the next power of two, whose unit is twice as large.
        return nearest if 2 ** cls.doublings_of(nearest) == unit else cls.nearest_size(*nearest)

    @classmethod
    def doublings_of(cls, size: tuple[int, int]) -> int:
        """How often the base is doubled to this size."""
        return max(1, (min(size) // cls.base_side).bit_length() - 1)

    @property
    def doublings(self) -> int:
        """The number of doublings from the base to the image."""
        return self.doublings_of(self.size)

    @property
    def start(self) -> tuple[int, int]:
        """Height and width of the base."""
        return self.size[0] >> self.doublings, self.size[1] >> self.doublings


@dataclass(frozen=True, kw_only=True)
class LabelledConfig(Config):
    """The configuration of a model that learns classes: their names come from the images' labels."""

    class_names: tuple[str, ...] = Field(min_length=2, description="the classes, in the order of their numbers")


@dataclass(frozen=True, kw_only=True)
class HeldOutClassesConfig(LabelledConfig):
    """The configuration of a model that can be asked for classes that its training never saw.

    class_names: of the classes of the training alone.
    held_out_classes: as the user typed it.
    unseen_classes: filled by training: the names of the classes that were held out.
    """

    held_out_classes: str = Field(
        "", description="classes that training never sees: their names, with commas between them, or their number"
    )
    unseen_classes: tuple[str, ...] = Field((), description="the classes that were held out")


@dataclass(frozen=True, kw_only=True)
class ConditionedConfig(Config):
    """The configuration of a model that is conditioned on the class or on the attributes of each image, or on nothing.

    class_names: filled from the images if the model is conditioned on labels.
    attribute_names: filled from the images if the model is conditioned on attributes.
    condition: none, labels, attributes, or auto (labels if the images have any, else attributes). Sub-classes declare
        which of these values are allowed, and the default.
    """

    class_names: tuple[str, ...] = Field((), description="the classes, in the order of their numbers")
    attribute_names: tuple[str, ...] = Field((), description="the attributes, in the order of their columns")
    condition: str = Field(description="what the model is conditioned on: labels, attributes, or none")

    @property
    def conditions(self) -> int:
        """The length of a condition: the number of classes, or of attributes; 0 without a condition."""
        return 0 if self.condition == "none" else len(self.class_names) or len(self.attribute_names)


@dataclass(frozen=True, kw_only=True)
class TwoDomainConfig(Config):
    """The configuration of a model that translates between two sets of images.

    domain_names: filled from the names of the sources, in their order: horses/ and zebras/ give "horses", "zebras".
    """

    sources: ClassVar[tuple[str, ...]] = ("a", "b")

    domain_names: tuple[str, str] = Field(("a", "b"), description="the domains, in the order of the sources")


@dataclass(frozen=True, kw_only=True)
class CompositeConfig(Config):
    """The configuration of a model with trained models inside it.

    submodels: by the name of the sub-module: {"model": name in the catalogue, "config": its configuration}.
    """

    former_names: ClassVar[dict[str, str]] = {"parts": "submodels"}

    submodels: dict[str, dict[str, Any]] = Field(default_factory=dict, description="trained models inside this one")


@dataclass(frozen=True, kw_only=True)
class LayeredConfig(Config):
    """The configuration of a model whose images have several layers: a pair, a label map, an instance map.

    layer_channels: by name, the channels of a layer of pictures, or the number of classes of a label map.
    layer_kinds: by name, "labels" or "ids" of layers that are no pictures.
    """

    layer_channels: dict[str, int] = Field(description="channels of each layer, or the classes of a label map")
    layer_kinds: dict[str, Literal["labels", "ids"]] = Field(
        default_factory=dict, description="label maps and instance maps among the layers"
    )


AnyConfig = TypeVar("AnyConfig")


def options_of(config_class: type[Any]) -> list[str]:
    """The names of the options that a user may set on a configuration."""
    return [field.name for field in dataclasses.fields(config_class) if field.name not in DATA_FIELDS]


def option_row(name: str, field: FieldInfo) -> tuple[str, str, str]:
    """An option as it is typed, what it is with its range or choices, and its default, "" if that follows."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    typed = str(extra.get("option") or f"--{name.replace('_', '-')}")
    default = field.get_default(call_default_factory=True)
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    listed = f": {', '.join(map(str, choices))}" if choices else ""
    shown = "" if default is None or default == "" else str(default)
    return typed, f"{field.description}{describe_range(field)}{listed}", shown


def describe_range(field: FieldInfo) -> str:
    """The range of a number as the help shows it; "" if it has no lower bound.

    An upper bound that is far from all values in use is not shown.
    """
    bounds = {
        name: getattr(each, name)
        for each in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(each, name, None) is not None
    }
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if low is None:
        return ""
    shown = math.inf if high is None or high >= FAR_AWAY else high
    return f" ({range_text(low, shown, above='gt' in bounds, below='lt' in bounds)})"


def range_text(low: float, high: float, *, above: bool = False, below: bool = False) -> str:
    """A range of numbers in words.

    >>> range_text(1, math.inf), range_text(0, math.inf, above=True), range_text(0, 1)
    ('1 or more', 'above 0', '0 to 1')
    >>> range_text(0, 1, above=True, below=True), range_text(0, 1, above=True), range_text(0, 1, below=True)
    ('above 0 and below 1', 'above 0, at most 1', 'at least 0, below 1')
    """
    if high == math.inf:
        return f"above {low:,}" if above else f"{low:,} or more"
    if above and below:
        return f"above {low:,} and below {high:,}"
    if above:
        return f"above {low:,}, at most {high:,}"
    return f"at least {low:,}, below {high:,}" if below else f"{low:,} to {high:,}"


def with_present_names(config_class: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """The values under the present names of their options. Former names come from runs that older versions wrote."""
    renamed: dict[str, str] = {}
    for base in reversed(config_class.__mro__):
        renamed |= vars(base).get("former_names", {})
    return {renamed.get(name, name): value for name, value in values.items()}


def build(config_class: type[AnyConfig], values: dict[str, Any], what: str) -> AnyConfig:
    """Build a checked configuration.

    config_class: a pydantic dataclass.
    values: by the name of the field; former names are accepted.
    what: the subject of error messages, such as "vae" or "training".

    Raises `ConfigError`, which names each wrong option, its value and the rule.
    """
    values = with_present_names(config_class, values)
    check_names(config_class, values, what)
    try:
        return config_class(**values)
    except ValidationError as error:
        raise ConfigError("; ".join(_sentence(problem, what) for problem in error.errors())) from None


def check_names(config_class: type[Any], names: Iterable[str], what: str) -> None:
    """Raise `ConfigError`, with the nearest option, for the first name that is not a field of the configuration."""
    known = [field.name for field in dataclasses.fields(config_class)]
    for name in names:
        if name not in known:
            options = ", ".join(option for option in known if option not in DATA_FIELDS)
            raise ConfigError(f"{what} has no option {name!r}.{suggest_option(name, known)} Its options: {options}.")


def _sentence(problem: Any, what: str) -> str:
    rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if problem["type"] == "missing":
        return f"{what}: {'.'.join(map(str, problem['loc']))} is missing"
    if problem["type"] == "value_error":  # raised by a validator of this package: a complete sentence
        return f"{what}: {rule}"
    return f"{what}: {problem['loc'][0]}={problem['input']!r}, but it must be {rule}"
