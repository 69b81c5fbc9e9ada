"""A lesson: a function that computes something, draws figures into the output it is given, and returns its numbers.

    @define_lesson(figures=("distances",), animations=("growing",))
    def dimension(output: LessonOutput, *, seed: Seed = 0, samples: Annotated[int, Field(ge=2)] = 500) -> Numbers:
        with output.figure("distances", 8, 4) as figure:
            figure.subplots().plot(...)
        return {"summary": ["One sentence of what came out."], "distances": [0.1, 0.2]}

All keyword parameters are options of the command line; their `Field` gives bounds and help. `summary` is printed.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from pydantic import Field
from pydantic.dataclasses import dataclass as checked_dataclass

from imagewright import configs
from imagewright.files import explain_write_errors, write_whole
from imagewright.output.figures import new_figure, save_figure
from imagewright.output.provenance import Record, make_record
from imagewright.output.writing import refuse_existing, write_animation
from imagewright.progress import Progress
from imagewright.versions import versions

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from PIL import Image

Numbers = dict[str, Any]
"""The numbers of a lesson by name: JSON values, or arrays of numpy or torch. `summary`: sentences for the reader."""

Seed = Annotated[int, Field(ge=0, le=2**62, description="of all that is random; equal seeds give equal figures")]
FigureFormat = Literal["png", "svg", "pdf"]
AnimationFormat = Literal["webp", "mp4", "gif", "none"]
NUMBERS = "numbers.json"
# IPTC's digital source type of charts: figures drawn from data, without synthetic pixels.
DATA_DRIVEN = "http://cv.iptc.org/newscodes/digitalsourcetype/dataDrivenMedia"


class LessonOutput:
    """The folder and formats that a lesson draws its figures into, and the callback that it reports progress to."""

    def __init__(
        self,
        folder: Path,
        formats: tuple[FigureFormat, AnimationFormat],
        record: Record,
        progress: Progress,
    ) -> None:
        self.folder, self.record, self.progress = folder, record, progress
        self.figure_format, self.animation_format = formats

    @property
    def is_animated(self) -> bool:
        """Whether animations are wanted. If not, their frames need not be drawn."""
        return self.animation_format != "none"

    @contextmanager
    def figure(self, name: str, width: float, height: float) -> Iterator[Figure]:
        """An empty figure of that many inches, in the package's style; written when the block ends."""
        with new_figure(width, height) as figure:
            yield figure
            save_figure(figure, self.folder / f"{name}.{self.figure_format}", self.record)

    def animation(self, name: str, frames: np.ndarray | Sequence[Image.Image], frames_per_second: float = 12.0) -> None:
        """Write frames, uint8 (N, C, H, W) or Pillow images. Does nothing if no animation is wanted."""
        if self.is_animated:
            path = self.folder / f"{name}.{self.animation_format}"
            write_animation(frames, path, self.record, frames_per_second=frames_per_second)


@dataclass(frozen=True)
class Lesson:
    """A lesson's function, and the names of the figures and animations that it may draw."""

    function: Callable[..., Numbers]
    figures: tuple[str, ...]
    animations: tuple[str, ...]

    @cached_property
    def options(self) -> type[Any]:
        """The lesson's options as a checked dataclass, made from the keyword parameters of its function."""
        kinds = get_type_hints(self.function, include_extras=True)
        fields = [
            (name, kinds[name], dataclasses.field(default=parameter.default))
            for name, parameter in inspect.signature(self.function).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        ]
        plain = dataclasses.make_dataclass(self.function.__name__, fields, frozen=True, kw_only=True)
        return checked_dataclass(frozen=True)(plain)

    def files(self, figure_format: FigureFormat, animation_format: AnimationFormat) -> list[str]:
        """The names of the files that the lesson may write."""
        moving = [] if animation_format == "none" else [f"{name}.{animation_format}" for name in self.animations]
        return [*(f"{name}.{figure_format}" for name in self.figures), *moving, NUMBERS]


@dataclass(frozen=True)
class LessonResult:
    """What `lesson` returns: the files written, and the numbers behind the figures."""

    paths: list[Path]
    numbers: Numbers

    def lines(self) -> list[str]:
        """The summary, a sentence a line."""
        return list(self.numbers.get("summary", ()))

    def to_dict(self) -> dict[str, Any]:
        """The numbers, ready for JSON."""
        plain: dict[str, Any] = json.loads(_to_json(self.numbers))
        return plain


def define_lesson(
    *, figures: tuple[str, ...], animations: tuple[str, ...] = ()
) -> Callable[[Callable[..., Numbers]], Lesson]:
    """Decorator: make a function a `Lesson` that may draw these figures and animations (names without suffix)."""

    def decorate(function: Callable[..., Numbers]) -> Lesson:
        return Lesson(function, figures, animations)

    return decorate


def lesson(
    name: str,
    out: str | Path | None = None,
    *,
    format: FigureFormat = "png",
    animation: AnimationFormat = "webp",
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> LessonResult:
    """Compute a lesson and write its figures, animations and `numbers.json`.

    All files appear together at the end, so that an interrupted lesson leaves nothing.

    name: one of `imagewright.list_lessons()`.
    out: the folder, `lessons/NAME` by default.
    format: of the figures.
    animation: format of the animations, or "none".
    force: whether to replace existing files.
    progress: called with (done, total).
    options: the lesson's own (`imagewright lesson NAME --help`).

    Raises `UserError` for an unknown name or option, `RunError` if one of the files exists (without `force`) or cannot
    be written.
    """
    from imagewright.lessons import lesson_of

    chosen, folder = lesson_of(name), Path("lessons") / name if out is None else Path(out)
    checked = configs.build(chosen.options, options, f"lesson {name}")
    settings = {field.name: getattr(checked, field.name) for field in dataclasses.fields(checked)}
    refuse_existing([folder / file for file in chosen.files(format, animation)], force=force)
    record = make_record("lesson", model=name, seed=settings.get("seed"), settings=settings, source_type=DATA_DRIVEN)
    with _temporary_folder_beside(folder) as temporary:
        if animation == "mp4" and chosen.animations:
            _try_to_animate(temporary)
        output = LessonOutput(temporary, (format, animation), record, progress or (lambda done, total: None))
        numbers = chosen.function(output, **settings)
        _write_numbers(temporary / NUMBERS, name, settings, numbers)
        written = sorted(temporary.iterdir())
        with explain_write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for file in written:
                file.replace(folder / file.name)
    return LessonResult([folder / file.name for file in written], numbers)


@contextmanager
def _temporary_folder_beside(out: Path) -> Iterator[Path]:
    """A folder on the same disk as `out`, removed with all its files when the block ends."""
    parent = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    with explain_write_errors(out):
        temporary = tempfile.TemporaryDirectory(dir=parent, prefix=".imagewright-lesson-")
    with temporary as folder:
        yield Path(folder)


def _try_to_animate(folder: Path) -> None:
    """Write one small frame as MP4, so that a missing encoder raises before the long work."""
    import numpy as np

    trial = write_animation(np.zeros((1, 3, 16, 16), np.uint8), folder / "trial.mp4")
    trial.unlink()


def _write_numbers(path: Path, name: str, settings: Record, numbers: Numbers) -> None:
    write_whole(path, _to_json({"lesson": name, "options": dict(settings), **numbers, "versions": versions()}) + "\n")


def _to_json(numbers: Numbers) -> str:
    return json.dumps(numbers, indent=2, default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    """Arrays and scalars of numpy and torch as lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a lesson's number is a {type(value).__name__}, which JSON cannot hold")
