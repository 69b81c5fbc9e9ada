"""What a lesson is: a function that computes something, draws it into the place it is given, and returns its numbers.

    @lesson(figures=("distances",), animations=("growing",))
    def dimension(place: Place, *, seed: Seed = 0, samples: Annotated[int, Field(ge=2, description="points")] = 500):
        with place.figure("distances", 8, 4) as figure:
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
from imagewright.versions import versions

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from PIL import Image

Numbers = dict[str, Any]
"""What a lesson measured, by name: JSON values, or arrays of numpy or torch. `summary`: sentences for the reader."""

Seed = Annotated[int, Field(ge=0, le=2**62, description="of all that is random; equal seeds give equal figures")]
FigureFormat = Literal["png", "svg", "pdf"]
AnimationFormat = Literal["webp", "mp4", "gif", "none"]
NUMBERS = "numbers.json"
# IPTC's digital source type for charts: no model made their pixels up.
DATA_DRIVEN = "http://cv.iptc.org/newscodes/digitalsourcetype/dataDrivenMedia"


class Place:
    """Where a lesson draws, and whom it tells how far it is."""

    def __init__(
        self,
        folder: Path,
        formats: tuple[FigureFormat, AnimationFormat],
        record: Record,
        progress: Callable[[int, int], None],
    ) -> None:
        self.folder, self.record, self.progress = folder, record, progress
        self.figure_format, self.animation_format = formats

    @property
    def is_animated(self) -> bool:
        """Whether an animation is wanted: frames of one that is not need not be drawn."""
        return self.animation_format != "none"

    @contextmanager
    def figure(self, name: str, width: float, height: float) -> Iterator[Figure]:
        """An empty figure of that many inches, in the package's style; written when the block ends."""
        with new_figure(width, height) as figure:
            yield figure
            save_figure(figure, self.folder / f"{name}.{self.figure_format}", self.record)

    def animation(self, name: str, frames: np.ndarray | Sequence[Image.Image], frames_per_second: float = 12.0) -> None:
        """Write frames, uint8 (N, C, H, W) or pictures of Pillow, unless no animation is wanted."""
        if self.is_animated:
            path = self.folder / f"{name}.{self.animation_format}"
            write_animation(frames, path, self.record, frames_per_second=frames_per_second)


@dataclass(frozen=True)
class Lesson:
    """A lesson's function, and the names of the figures and animations that it may draw."""

    tell: Callable[..., Numbers]
    figures: tuple[str, ...]
    animations: tuple[str, ...]

    @cached_property
    def options(self) -> type[Any]:
        """The lesson's options as a checked dataclass, made from the keyword parameters of its function."""
        kinds = get_type_hints(self.tell, include_extras=True)
        fields = [
            (name, kinds[name], dataclasses.field(default=parameter.default))
            for name, parameter in inspect.signature(self.tell).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        ]
        plain = dataclasses.make_dataclass(self.tell.__name__, fields, frozen=True, kw_only=True)
        return checked_dataclass(frozen=True)(plain)

    def files(self, figure_format: FigureFormat, animation_format: AnimationFormat) -> list[str]:
        """The names of the files that the lesson may write."""
        moving = [] if animation_format == "none" else [f"{name}.{animation_format}" for name in self.animations]
        return [*(f"{name}.{figure_format}" for name in self.figures), *moving, NUMBERS]


def lesson(*, figures: tuple[str, ...], animations: tuple[str, ...] = ()) -> Callable[[Callable[..., Numbers]], Lesson]:
    """Make a function a lesson that may draw these figures and animations: names without suffix."""

    def made(tell: Callable[..., Numbers]) -> Lesson:
        return Lesson(tell, figures, animations)

    return made


def teach(
    name: str,
    out: str | Path,
    *,
    format: FigureFormat = "png",
    animation: AnimationFormat = "webp",
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **options: Any,
) -> tuple[list[Path], Numbers]:
    """Give the lesson `name` into the folder `out`: the files written, and the numbers behind the figures.

    All files appear together at the end, so that an interrupted lesson leaves nothing. Raises `UserError` for an
    unknown name or option, `RunError` where one of the files exists (unless `force`) or cannot be written.
    """
    from imagewright.lessons import lesson_of

    given, out = lesson_of(name), Path(out)
    chosen = configs.build(given.options, options, f"lesson {name}")
    settings = {field.name: getattr(chosen, field.name) for field in dataclasses.fields(chosen)}
    refuse_existing([out / file for file in given.files(format, animation)], force=force)
    record = make_record("lesson", model=name, seed=settings.get("seed"), settings=settings, source_type=DATA_DRIVEN)
    with _folder_beside(out) as folder:
        if animation == "mp4" and given.animations:
            _try_to_animate(folder)
        place = Place(folder, (format, animation), record, progress)
        numbers = given.tell(place, **settings)
        _write_numbers(folder / NUMBERS, name, settings, numbers)
        made = sorted(folder.iterdir())
        with explain_write_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for file in made:
                file.replace(out / file.name)
    return [out / file.name for file in made], numbers


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """A folder on the same disk as `out`, gone with all that is in it when the block ends."""
    parent = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    with explain_write_errors(out):
        temporary = tempfile.TemporaryDirectory(dir=parent, prefix=".imagewright-lesson-")
    with temporary as folder:
        yield Path(folder)


def _try_to_animate(folder: Path) -> None:
    """One small frame as MP4: what is missing for it is known before the long work."""
    import numpy as np

    trial = write_animation(np.zeros((1, 3, 16, 16), np.uint8), folder / "trial.mp4")
    trial.unlink()


def _write_numbers(path: Path, name: str, settings: Record, numbers: Numbers) -> None:
    content = {"lesson": name, "options": dict(settings), **numbers, "versions": versions()}
    write_whole(path, json.dumps(content, indent=2, default=_plain, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """Arrays and scalars of numpy and torch as lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a lesson's number is a {type(value).__name__}, which JSON has no word for")
