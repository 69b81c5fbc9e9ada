"""`imagewright lesson NAME`: one command a lesson, built from the lesson's options when it is used."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Group, Parameter

from imagewright.cli.examples import example_of
from imagewright.cli.options import make_option
from imagewright.lessons import LESSONS, lesson_of

app = App(
    name="lesson",
    help="Write figures that explain a method, and their numbers. `imagewright lesson NAME --help` lists its options.",
    usage="Usage: imagewright lesson NAME [OPTIONS]",
    help_format="plaintext",
    default_parameter=Parameter(negative=""),
)
app.group_commands = Group("Lessons", sort_key=0)
for _place, (_name, _entry) in enumerate(LESSONS.items()):
    app.command(
        f"{__name__}:{_name}",
        name=_name,
        help=_entry.summary,
        sort_key=_place,
        help_epilogue=example_of(f"lesson {_name}"),
    )

OUTPUT_OPTIONS = Group("Output", sort_key=2)


def __getattr__(name: str) -> Callable[..., None]:
    """The command of a lesson: the import paths registered above end in its name."""
    if name.startswith("__") or name not in LESSONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return build_command(name)


def build_command(name: str) -> Callable[..., None]:
    """The function of `imagewright lesson NAME`; its parameters are the options of this lesson."""
    lesson = lesson_of(name)
    group = Group(f"Options of {name}", sort_key=1)
    own = [make_option(option, field, group) for option, field in lesson.options.__pydantic_fields__.items()]
    shared = dict(inspect.signature(_shared_options).parameters)
    if not lesson.animations:
        del shared["animation"]

    def command(**options: Any) -> None:
        _run_lesson(name, options)

    command.__doc__ = LESSONS[name].summary
    parameters = [*own, *shared.values()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _shared_options(
    *,
    out: Annotated[Path | None, Parameter(group=OUTPUT_OPTIONS, help="the folder; by default lessons/NAME")] = None,
    format: Annotated[
        Literal["png", "svg", "pdf"], Parameter(group=OUTPUT_OPTIONS, help="format of the figures")
    ] = "png",
    animation: Annotated[
        Literal["webp", "mp4", "gif", "none"], Parameter(group=OUTPUT_OPTIONS, help="format of animations")
    ] = "webp",
    force: Annotated[
        bool, Parameter(group=OUTPUT_OPTIONS, help="replace files that exist", show_default=False)
    ] = False,
) -> None:
    """The options that every lesson shares."""


def _run_lesson(name: str, options: dict[str, Any]) -> None:
    import imagewright
    from imagewright.cli.pictures import say_notices
    from imagewright.cli.progress import progress_bar

    def work() -> None:
        with progress_bar(f"lesson {name}") as progress:
            found = imagewright.lesson(name, progress=progress, **options)
        print("\n".join([*map(str, found.paths), *found.lines()]))

    say_notices(work)
