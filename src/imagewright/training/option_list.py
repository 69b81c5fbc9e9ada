"""`list_options`: the options of `train` for a model, as `imagewright train MODEL --help` shows them."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from imagewright import catalogue, configs
from imagewright.familiar_names import suggest_option
from imagewright.training.options import TrainingOptions

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


OptionKind = Literal["flag", "whole", "number", "choice", "text", "run", "source"]
KINDS: dict[Any, OptionKind] = {bool: "flag", int: "whole", float: "number", str: "text"}


@dataclass(frozen=True)
class Option:
    """An option of `iw.train`.

    name: the keyword.
    default: its value if it is not given; None if it follows from the images and the model.
    description: what it does, with the range of a number.
    of: `training`, or the name of the model.
    kind: of its values. `choice`: one of `choices`; `run`: a run, or one of the names in
        `choices`; `source`: of pictures.
    choices: values that are allowed; of a number or a text, values besides those.
    low, high: the bounds of a number; None: there is none.
    is_above, is_below: whether the bound itself is not allowed.
    is_optional: whether it may be None, so that the model's recipe decides.
    """

    name: str
    default: Any
    description: str
    of: str
    kind: OptionKind = "text"
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    is_above: bool = False
    is_below: bool = False
    is_optional: bool = False


class OptionList(list[Option]):
    """Options, printed as a table."""

    def __repr__(self) -> str:
        width = max((len(option.name) for option in self), default=0) + 2
        lines: list[str] = []
        for option in self:
            default = "" if option.default is None else f" [{option.default!r}]"
            text = textwrap.wrap(f"{option.description}{default}", 100)
            lines.append(f"{option.name:<{width}}{text[0]}")
            lines += [" " * width + line for line in text[1:]]
        return "\n".join(lines)


def list_options(model: str) -> OptionList:
    """The options of `iw.train(model, ...)`: those of the model first, then those of every training.

    model: its name in the catalogue.
    Raises `UserError` for an unknown one.
    """
    config_class = catalogue.model_class(model).Config
    found = OptionList()
    owners: tuple[tuple[str, Any], ...] = ((model, config_class), ("training", TrainingOptions))
    for of, owner in owners:
        for name in configs.options_of(owner):
            option = _describe(name, owner.__pydantic_fields__[name], of)
            if name in config_class.submodel_options or (of, name) == ("training", "start"):
                names = () if of == "training" else dict.fromkeys((option.default, *config_class.submodel_names))
                option = dataclasses.replace(option, kind="run", choices=tuple(names))
            elif (of, name) == ("training", "evaluate_against"):
                option = dataclasses.replace(option, kind="source")
            found.append(option)
    return found


def check_options(model: str, values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with values of options, by the name of the option; {} if nothing is.

    Each value is checked by itself: what depends on the pictures or on other options is told by the training.

    model: its name in the catalogue.
    values: by the name of the option, as for `iw.train`.
    """
    from pydantic import TypeAdapter, ValidationError

    owners: tuple[Any, ...] = (TrainingOptions, catalogue.model_class(model).Config)
    fields = {name: owner.__pydantic_fields__[name] for owner in owners for name in configs.options_of(owner)}
    wrong: dict[str, str] = {}
    for name, value in values.items():
        if name not in fields:
            wrong[name] = f"{model} has no such option.{suggest_option(name, fields)}"
            continue
        field = fields[name]
        annotation: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        try:
            TypeAdapter(annotation).validate_python(value)
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ").replace("Input should be", "It must be")
            wrong[name] = f"{said}."
    return wrong


def _describe(name: str, field: FieldInfo, of: str) -> Option:
    kinds = _kinds(field.annotation)
    choices = tuple(str(value) for kind in kinds if get_origin(kind) is Literal for value in get_args(kind))
    plain = [KINDS[kind] for kind in kinds if kind in KINDS]
    bounds = {
        bound: getattr(each, bound)
        for each in field.metadata
        for bound in ("ge", "gt", "le", "lt")
        if getattr(each, bound, None) is not None
    }
    shown = f" ({', '.join(choices)})" if choices and not plain and len(kinds) == 1 else ""
    return Option(
        name,
        field.get_default(call_default_factory=True),
        f"{field.description}{shown}{configs.describe_range(field)}",
        of,
        kind=plain[0] if plain else "choice" if choices else "text",
        choices=choices,
        low=bounds.get("ge", bounds.get("gt")),
        high=bounds.get("le", bounds.get("lt")),
        is_above="gt" in bounds,
        is_below="lt" in bounds,
        is_optional=type(None) in kinds,
    )


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The types that a value may have: (int, NoneType) for `int | None`."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
