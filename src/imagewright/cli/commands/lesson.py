"""`imagewright lesson NAME`: one command a lesson, made from its function's signature when it is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Group, Parameter

from imagewright.cli.options import option_of
from imagewright.lessons import LESSONS, lesson_of

app = App(
    name="lesson",
    help="Figures that explain, computed live, with their numbers. `imagewright lesson NAME --help` lists its options.",
    usage="Usage: imagewright lesson NAME [OPTIONS]",
    help_format="plaintext",
    default_parameter=Parameter(negative=""),
)
app.group_commands = Group("Lessons", sort_key=0)
for _place, (_name, _entry) in enumerate(LESSONS.items()):
    app.command(f"{__name__}:{_name}", name=_name, help=_entry.summary, sort_key=_place)

OUTPUT_OPTIONS = Group("Output", sort_key=2)


def __getattr__(name: str) -> Callable[..., None]:
    """The command of a lesson, by its name: what the import paths above lead to."""
    if name.startswith("__") or name not in LESSONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return command_of(name)


def command_of(name: str) -> Callable[..., None]:
    """The function behind `imagewright lesson NAME`, whose parameters are the options of this lesson."""
    lesson = lesson_of(name)
    group = Group(f"Options of {name}", sort_key=1)
    own = [option_of(option, field, group) for option, field in lesson.options.__pydantic_fields__.items()]
    shared = dict(inspect.signature(_shared_options).parameters)
    if not lesson.animations:
        del shared["animation"]

    def command(**options: Any) -> None:
        _teach(name, options)

    command.__doc__ = LESSONS[name].summary
    parameters = [*own, *shared.values()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _shared_options(
    *,
    out: Annotated[Path | None, Parameter(group=OUTPUT_OPTIONS, help="the folder; lessons/NAME by default")] = None,
    format: Annotated[Literal["png", "svg", "pdf"], Parameter(group=OUTPUT_OPTIONS, help="of the figures")] = "png",
    animation: Annotated[
        Literal["webp", "mp4", "gif", "none"], Parameter(group=OUTPUT_OPTIONS, help="the format of what moves")
    ] = "webp",
    force: Annotated[
        bool, Parameter(group=OUTPUT_OPTIONS, help="write over what is there", show_default=False)
    ] = False,
) -> None:
    """The options that every lesson takes besides its own."""


def _teach(name: str, options: dict[str, Any]) -> None:
    from imagewright.cli.progress import counted
    from imagewright.lessons.base import teach

    out = options.pop("out", None) or Path("lessons") / name
    with counted(f"lesson {name}") as progress:
        paths, numbers = teach(name, out, progress=progress, **options)
    for path in paths:
        print(path)
    for sentence in numbers.get("summary", ()):
        print(sentence)
