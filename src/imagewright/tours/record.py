"""`tour.json`: what a tour is of, and what each of its parts found. The page is written from it alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from imagewright.counts import minutes_text
from imagewright.errors import RunError
from imagewright.files import write_whole
from imagewright.images.decoding.value_range import describe_range
from imagewright.images.opening import resolve_choices
from imagewright.json_files import JsonError, parse_json
from imagewright.regular_files import read_regular
from imagewright.runs.schemas import check_record
from imagewright.tours.plan import TourPart
from imagewright.tours.schemas import TourSchema

RECORD, PAGE, FIGURES = "tour.json", "tour.html", "figures"
LARGEST = 16 << 20  # bytes
VERSION = 3

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
    planned: minutes, before any part took more or less than its own.
    minutes: that it was given.
    seconds: that it took.
    trained_seconds: of these, in steps of training.
    figures: in the order of the page.
    facts: sentences on what was found.
    doctor: what the doctor says of the training.
    command: that trains this model longer; None for the set.
    row: the file of a row of samples of equal seeds; None for a model that does not sample.
    error: why it failed.
    by_heart: that the model knows the training pictures by heart, as a sentence; None if it does not.
    values: numbers that other parts or the head of the page need.
    """

    name: str
    title: str
    kind: str
    model: str | None = None
    state: State = "waiting"
    planned: float = 0.0
    minutes: float = 0.0
    seconds: float = 0.0
    trained_seconds: float = 0.0
    figures: list[TourFigure] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    doctor: list[str] = field(default_factory=list)
    command: str | None = None
    row: str | None = None
    error: str | None = None
    by_heart: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class PartLeftOut:
    """A part for which there are too few minutes.

    title: its heading.
    minutes: of a tour that has time for it.
    """

    title: str
    minutes: int


@dataclass
class TourRecord:
    """What a tour is of.

    source, other: as the user named them; None without a second set.
    opening: options of `open_images` that the user gave, as JSON values (`plain_options`).
    minutes: of all parts together.
    seed: of all random numbers.
    arrangement: plain pictures, pairs or two sets.
    fingerprint: of the pictures at their own size.
    pictures: how many the set has.
    used: of them, spread evenly over the set: all, unless reading them took too much of the minutes.
    classes: of them.
    gan: the adversarial model; it and the size follow from the machine on which the tour began.
    size: (height, width) of all models.
    channels: of the pictures.
    held_out: pictures that no model was trained on.
    scored: samples of each model that are scored; 0 until the first part begins.
    features: in which they are compared.
    parts: in the order of the page.
    left_out: the parts for which there are too few minutes.
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
    used: int
    classes: int
    gan: str
    size: tuple[int, int]
    channels: int
    held_out: int
    scored: int
    features: str
    parts: list[PartRecord]
    left_out: list[PartLeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    version: int = VERSION

    def names_left_out(self) -> str:
        """The parts that were left out, each with the minutes from which on a tour has it."""
        return "; ".join(f"{each.title} (from {minutes_text(each.minutes)} on)" for each in self.left_out)

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

    @property
    def besides_training(self) -> float | None:
        """Minutes that the slowest finished model took besides its training: for its start, pictures and scores.

        None before the first one.
        """
        taken = [
            part.seconds - part.trained_seconds for part in self.parts if part.kind == "model" and part.state == "done"
        ]
        return max(0.0, *taken) / 60 if taken else None

    def command(self, folder: Path, minutes: float | None = None) -> str:
        """The command that makes this tour, or goes on with it.

        minutes: of a longer tour in the same way.
        """
        sources = [self.source, *([self.other] if self.other else [])]
        words = ["imagewright", "tour", *sources, *options_typed(self.opening), "--minutes"]
        words += [f"{minutes or self.minutes:g}"]
        words += ["--seed", str(self.seed)] if self.seed else []
        return shlex.join([*words, "--out", str(folder)])

    def write(self, folder: Path) -> None:
        """Write `tour.json`, whole or not at all."""
        write_whole(folder / RECORD, json.dumps(asdict(self), indent=1) + "\n")


def new_parts(parts: Sequence[TourPart], shares: Mapping[str, float]) -> list[PartRecord]:
    """The records of parts that have not begun, with the minutes planned for each by its name."""
    return [PartRecord(part.name, part.title, part.kind, part.model, planned=shares[part.name]) for part in parts]


def options_typed(opening: dict[str, Any]) -> list[str]:
    """Options that open a source, as words of a command line."""
    words: list[str] = []
    for name, value in opening.items():
        option = f"--{name.replace('_', '-')}"
        if name == "size" and not isinstance(value, int):
            words += [option, str(value[0]) if value[0] == value[1] else f"{value[1]}x{value[0]}"]
        elif isinstance(value, list):
            words += [option, *map(str, value)]
        else:
            words += [f"{option}={value}"] if str(value).startswith("-") else [option, str(value)]
    return words


def plain_options(opening: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `open_images` that were given, or hold for the whole command, as JSON values."""
    choices = resolve_choices(*(opening.get(name) for name in ("only", "exclude", "value_range", "decode")))
    values = {name: value for name, value in opening.items() if value is not None} | {
        "only": list(choices.names.only),
        "exclude": list(choices.names.exclude),
        "value_range": _range_text(choices.value_range),
        "decode": choices.decode,
    }
    unsaid: dict[str, Any] = {"only": [], "exclude": [], "value_range": None, "decode": "auto"}
    return {
        name: list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
        for name, value in values.items()
        if name not in unsaid or value != unsaid[name]
    }


def _range_text(value: str | tuple[float, float] | None) -> str | None:
    return describe_range(value) if isinstance(value, tuple) else value


def read_record(folder: str | Path) -> TourRecord | None:
    """The record of a tour; None if there is none. Raises `RunError` for a damaged one."""
    path = Path(folder) / RECORD
    try:
        content = read_regular(path, LARGEST)
    except FileNotFoundError:
        return None
    hint = "Remove it to begin anew, or name another folder with --out."
    try:
        value = parse_json(content)
    except JsonError as error:
        raise RunError(f"{path} is damaged: {error}. {hint}") from None
    if isinstance(value, dict) and value.get("version") != VERSION:
        raise RunError(f"{path} was written by another version: name another folder with --out.")
    check_record(value, TourSchema, str(path), hint)
    nested = {
        "parts": [_part(part) for part in value["parts"]],
        "left_out": [PartLeftOut(each["title"], each["minutes"]) for each in value.get("left_out", [])],
        "size": tuple(value["size"]),
    }
    return TourRecord(**(_known(value, TourRecord) | nested))


def _part(value: dict[str, Any]) -> PartRecord:
    figures = [TourFigure(each["file"], each["caption"]) for each in value.get("figures", [])]
    return PartRecord(**(_known(value, PartRecord) | {"figures": figures}))


def _known(value: dict[str, Any], record: type[TourRecord | PartRecord]) -> dict[str, Any]:
    names = {each.name for each in fields(record)}
    return {name: each for name, each in value.items() if name in names}
