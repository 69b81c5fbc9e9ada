"""Make command line options from the fields of a pydantic dataclass: a model's configuration, a lesson's options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from cyclopts import Group, Parameter

from imagewright.cli.values import count_converter, seconds_converter
from imagewright.configs import describe_range

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def make_option(name: str, field: FieldInfo, group: Group) -> inspect.Parameter:
    """The option of a field, with its type, default, description and bounds.

    name: of the field.
    field: the pydantic field.
    group: the heading in the help under which the option is listed.
    """
    kind = _without_none(field.annotation)
    is_count = kind is int
    # A name that Python reserves, or that reads better when typed: `Field(json_schema_extra={"option": "--from"})`.
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    is_time = extra.get("unit") == "seconds"
    option = Parameter(
        name=extra.get("option"),  # type: ignore[arg-type]
        help=f"{field.description}{describe_range(field)}",
        group=group,
        validator=_bounds(field),
        converter=(seconds_converter if is_time else count_converter) if is_count else None,
        metavar=("SECONDS" if is_time else "N") if is_count else None,
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
    """`int` for `int | None`: on the command line None is an option that was left out."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return Union[tuple(kinds)]  # noqa: UP007 (the types are known at run time only)
    return annotation


def _bounds(field: FieldInfo) -> Callable[[Any, Any], None] | None:
    """A validator of a value against the bounds of its field; None if the field has none."""
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
