"""Types of values on the command line: counts such as `200k`, sizes such as `64` or `96x64`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from imagewright.configs import range_text
from imagewright.counts import parse_count, parse_seconds


def parse_size(text: str) -> tuple[int, int]:
    """Parse (height, width) from `64` or `96x64`. Raises `ValueError` for other text.

    >>> parse_size("64"), parse_size("96x64")
    ((64, 64), (64, 96))
    """
    match = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", text.strip().lower())
    if match is None or 0 in (width := int(match[1]), height := int(match[2] or match[1])):
        raise ValueError("It must be a side in pixels such as 64, or WIDTHxHEIGHT such as 96x64.")
    return height, width


def _converter(parse: Callable[[str], Any]) -> Callable[[Any, Sequence[Token]], Any]:
    def convert(type_: Any, tokens: Sequence[Token]) -> Any:
        from cyclopts import CoercionError

        try:
            return parse(tokens[0].value)
        except ValueError as error:
            raise CoercionError(msg=f"{tokens[0].value!r}. {error}", token=tokens[0], target_type=type_) from None

    return convert


count_converter = _converter(parse_count)
seconds_converter = _converter(parse_seconds)
Count = Annotated[int, Parameter(converter=count_converter, metavar="N")]


def within(
    low: float, high: float = math.inf, *, above: bool = False, below: bool = False, **options: Any
) -> Parameter:
    """A `Parameter` for a number in a range, which the help shows and a sentence about another number names.

    above, below: whether the number itself lies above `low`, or below `high`; by default it may be equal.
    options: of `Parameter`; `help` is the text before the range.
    """
    text = range_text(low, high, above=above, below=below)

    def check(_: Any, value: Any) -> None:
        numbers = value if isinstance(value, tuple) else () if value is None else (value,)
        for number in numbers:
            if not (low < number if above else low <= number) or not (number < high if below else number <= high):
                raise ValueError(f"It must be {text}.")

    return Parameter(**{**options, "help": f"{options['help']} ({text})", "validator": check})


def parse_load_size(text: str) -> int | tuple[int, int]:
    """Parse a shorter side, or (height, width). Raises `ValueError` for other text.

    >>> parse_load_size("286"), parse_load_size("96x64")
    (286, (64, 96))
    """
    height, width = parse_size(text)
    return (height, width) if "x" in text.lower() else height


Size = Annotated[tuple[int, int], Parameter(converter=_converter(parse_size), n_tokens=1, metavar="SIZE", negative="")]
LoadSize = Annotated[
    int | tuple[int, int],
    Parameter(converter=_converter(parse_load_size), n_tokens=1, metavar="SIZE", negative=""),
]
# Options of several values, as in `--models a b`; leaving one out gives an empty tuple, which the help does not show.
Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="", show_default=False)]
Counts = Annotated[tuple[Count, ...], Parameter(consume_multiple=True, negative="", show_default=False)]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]

FaceFinderName = Annotated[
    Literal["networks", "cascade"] | None,
    Parameter(
        help="networks: faces of any pose and size, by weights that are fetched at the first use; cascade: upright "
        "frontal ones, without weights. By default networks, and the cascade if there are no weights"
    ),
]
LabelColumn = Annotated[
    str | None,
    Parameter(help="the column of the labels, by default by its name; age:18,65 makes classes of ranges"),
]
"""`--label-column`, beside every `--labels`."""
