"""Options made from fields: a checked dataclass (a model's configuration, a lesson's options) on the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from cyclopts import Group, Parameter

from imagewright.cli.values import count_converter

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def option_of(name: str, field: FieldInfo, group: Group) -> inspect.Parameter:
    """A field of a configuration as an option: its type, default, description and bounds."""
    kind = _without_none(field.annotation)
    is_count = kind is int
    # A name that Python reserves, or that reads better when typed: `Field(json_schema_extra={"option": "--from"})`.
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    option = Parameter(
        name=extra.get("option"),  # type: ignore[arg-type]
        help=field.description,
        group=group,
        validator=_bounds(field),
        converter=count_converter if is_count else None,
        metavar="N" if is_count else None,
        negative=None if kind is bool and field.default is True else "",
        show_default=False if field.default is False else None,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=field.get_default(call_default_factory=True),
        annotation=Annotated[field.annotation, option],
    )


def _without_none(annotation: Any) -> Any:
    """`int` of `int | None`: on the command line one leaves an option out instead of giving None."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return Union[tuple(kinds)]  # noqa: UP007 (the kinds are known only now)
    return annotation


def _bounds(field: FieldInfo) -> Callable[[Any, Any], None] | None:
    """A check of one value against the bounds of its field, in pydantic's words; None where there are none."""
    if not field.metadata:
        return None
    from pydantic import TypeAdapter, ValidationError

    annotation: Any = Annotated[(field.annotation, *field.metadata)]
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    def check(_: Any, value: Any) -> None:
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].replace("Input should be", "It must be") + ".") from None

    return check
