"""What all commands that take pictures have in common: options that choose pictures, and what they say of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from imagewright.cli.show import say
from imagewright.cli.values import Words

PICTURES = Group("Pictures", sort_key=9)
Only = Annotated[
    Words,
    Parameter(
        group=PICTURES,
        help="take pictures of these names alone: --only '*.jpg' 'cats/*'",
        metavar="PATTERN",
    ),
]
Exclude = Annotated[
    Words, Parameter(group=PICTURES, help="leave out pictures of these names: --exclude '*_mask.*'", metavar="PATTERN")
]
ValueRange = Annotated[
    str | None,
    Parameter(
        group=PICTURES,
        help="numbers that become black and white, of pictures with more than 8 bits: LOW:HIGH such as 0:4095, auto "
        "(those that occur), or full (0:65535)",
        metavar="LOW:HIGH",
        show_default=False,
    ),
]
Decode = Annotated[
    Literal["auto", "exact", "reduced"] | None,
    Parameter(
        group=PICTURES,
        help="reduced: large JPEGs are decoded at a part of their size, several times as fast; auto: if they are four "
        "times as large as is needed; metrics always decode exactly",
        show_default=False,
    ),
]
OPTIONS = {"only": Only, "exclude": Exclude, "value_range": ValueRange, "decode": Decode}


def takes_pictures(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options that choose pictures, which hold for every source that it opens.

    At its end it says what was passed over and left out of the sources, unless it has said that itself.
    """

    @functools.wraps(command)
    def with_options(*arguments: Any, **options: Any) -> None:
        chosen = {name: options.pop(name) for name in OPTIONS if options.get(name)}
        for name in OPTIONS:
            options.pop(name, None)
        say_notices(functools.partial(command, *arguments, **options), **chosen)

    signature = inspect.signature(command, eval_str=True)
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=() if name in {"only", "exclude"} else None, annotation=kind
        )
        for name, kind in OPTIONS.items()
    ]
    parameters = [*signature.parameters.values(), *added]
    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def say_notices(work: Callable[[], Any], *, quiet: bool = False, **chosen: Any) -> None:
    """Do the work of a command, and then say what was passed over and left out of its sources.

    quiet: say nothing.
    chosen: the options of `OPTIONS` that were typed.
    """
    from imagewright import distributed
    from imagewright.images.notices import gathered_notices
    from imagewright.images.opening import opening_choices

    with gathered_notices() as notices:
        try:
            with opening_choices(**chosen):
                work()
        finally:
            if not quiet and distributed.is_main():
                say(notices.lines())
