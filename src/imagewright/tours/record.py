"""`tour.json`: what a tour is of, and what each of its parts found. The page is written from it alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from imagewright.errors import RunError
from imagewright.files import write_whole
from imagewright.json_files import JsonError, parse_json
from imagewright.regular_files import read_regular
from imagewright.tours.plan import TourPart

RECORD, PAGE, FIGURES = "tour.json", "tour.html", "figures"
LARGEST = 16 << 20  # bytes
VERSION = 1

State = Literal["waiting", "under way", "done", "failed"]


@dataclass
class TourFigure:
    """A picture of the page.

    file: in the folder `figures`.
    caption: under it.
    """

    file: str
    caption: str


@dataclass
class PartRecord:
    """What is known of a part.

    name, title, kind, model: as in `TourPart`.
    state: how far it is.
    minutes: that it was given.
    seconds: that it took.
    trained_seconds: of these, in steps of training.
    figures: in the order of the page.
    facts: sentences on what was found.
    doctor: what the doctor says of the training.
    command: that trains this model longer; None for the set.
    row: the file of a row of samples of equal seeds; None for a model that does not sample.
    error: why it failed.
    values: numbers that other parts or the head of the page need.
    """

    name: str
    title: str
    kind: str
    model: str | None = None
    state: State = "waiting"
    minutes: float = 0.0
    seconds: float = 0.0
    trained_seconds: float = 0.0
    figures: list[TourFigure] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    doctor: list[str] = field(default_factory=list)
    command: str | None = None
    row: str | None = None
    error: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class TourRecord:
    """What a tour is of.

    source, other: as the user named them; None without a second set.
    opening: options of `open_images` that the user gave, as JSON values.
    minutes: of all parts together.
    seed: of all random numbers.
    arrangement: plain pictures, pairs or two sets.
    fingerprint: of the pictures at their size.
    pictures: how many.
    classes: of them.
    size: (height, width) of all models.
    channels: of the pictures.
    held_out: pictures that no model was trained on.
    scored: samples of each model that are scored; 0 until the first is.
    features: in which they are compared.
    parts: in the order of the page.
    left_out: titles of parts for which there are too few minutes.
    notes: sentences on what was chosen or left out.
    """

    source: str
    other: str | None
    opening: dict[str, Any]
    minutes: float
    seed: int
    arrangement: str
    fingerprint: str
    pictures: int
    classes: int
    size: tuple[int, int]
    channels: int
    held_out: int
    scored: int
    features: str
    parts: list[PartRecord]
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    version: int = VERSION

    def part(self, name: str) -> PartRecord:
        """The record of a part by its name."""
        return next(part for part in self.parts if part.name == name)

    @property
    def is_whole(self) -> bool:
        """Whether all parts are done."""
        return all(part.state == "done" for part in self.parts)

    @property
    def spent(self) -> dict[str, float]:
        """Seconds that the finished parts took, by name."""
        return {part.name: part.seconds for part in self.parts if part.state == "done"}

    def command(self, folder: Path) -> str:
        """The command that makes this tour, or goes on with it."""
        sources = [self.source, *([self.other] if self.other else [])]
        words = ["imagewright", "tour", *sources, *options_typed(self.opening), "--minutes", f"{self.minutes:g}"]
        words += ["--seed", str(self.seed)] if self.seed else []
        return shlex.join([*words, "--out", str(folder)])

    def write(self, folder: Path) -> None:
        """Write `tour.json`, whole or not at all."""
        write_whole(folder / RECORD, json.dumps(asdict(self), indent=1) + "\n")


def new_parts(parts: Sequence[TourPart]) -> list[PartRecord]:
    """The records of parts that have not begun."""
    return [PartRecord(part.name, part.title, part.kind, part.model) for part in parts]


def options_typed(opening: dict[str, Any]) -> list[str]:
    """Options that open a source, as words of a command line."""
    words: list[str] = []
    for name, value in opening.items():
        shown = f"{value[1]}x{value[0]}" if name == "size" and not isinstance(value, int) else str(value)
        words += [f"--{name.replace('_', '-')}", shown]
    return words


def read_record(folder: str | Path) -> TourRecord | None:
    """The record of a tour; None if there is none. Raises `RunError` for a damaged one."""
    path = Path(folder) / RECORD
    try:
        content = read_regular(path, LARGEST)
    except FileNotFoundError:
        return None
    try:
        value = parse_json(content)
        if value["version"] != VERSION:
            raise RunError(f"{path} was written by another version: name another folder with --out.")
        parts = [_part(part) for part in value.pop("parts")]
        known = {each.name for each in fields(TourRecord)}
        kept = {name: each for name, each in value.items() if name in known}
        return TourRecord(**(kept | {"parts": parts, "size": tuple(value["size"])}))
    except (JsonError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is damaged ({type(error).__name__}): remove it to begin anew, or name another folder with --out."
        ) from None


def _part(value: dict[str, Any]) -> PartRecord:
    known = {each.name for each in fields(PartRecord)}
    figures = [TourFigure(str(each["file"]), str(each["caption"])) for each in value.get("figures", [])]
    return PartRecord(**({name: each for name, each in value.items() if name in known} | {"figures": figures}))
