"""`list_options`: the options of `train` for a model, as `imagewright train MODEL --help` shows them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from imagewright import catalogue, configs
from imagewright.training.options import TrainingOptions

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Option:
    """An option of `iw.train`.

    name: the keyword.
    default: its value if it is not given; None if it follows from the images and the model.
    description: what it does, with the range of a number.
    of: `training`, or the name of the model.
    """

    name: str
    default: Any
    description: str
    of: str


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
    owners: list[tuple[str, Any]] = [(model, config_class), ("training", TrainingOptions)]
    for of, owner in owners:
        fields: dict[str, FieldInfo] = owner.__pydantic_fields__
        for name in configs.options_of(owner):
            field = fields[name]
            default = field.get_default(call_default_factory=True)
            description = f"{field.description}{_choices(field)}{configs.describe_range(field)}"
            found.append(Option(name, default, description, of))
    return found


def _choices(field: FieldInfo) -> str:
    """The values of an option that has a fixed list of them."""
    if get_origin(field.annotation) is not Literal:
        return ""
    return f" ({', '.join(map(str, get_args(field.annotation)))})"
