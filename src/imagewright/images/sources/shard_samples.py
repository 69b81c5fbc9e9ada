"""The samples of one tar shard: its pictures, and the `.cls`, `.json` and `.txt` members that belong to each.

In WebDataset layout members with equal keys, the name up to its first dot, are one sample. Names with dots of their own
(`22.00.png`, `22.01.png`) then have one key, so every picture is kept, with two exceptions that are counted: a further
picture of the same name with another suffix, and companions (`k.mask.png` beside `k.jpg`). Members may be in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from tarfile import TarInfo
from typing import Any, NamedTuple

from imagewright.images.sources.listing import is_picture_name
from imagewright.images.sources.system_files import system_folder_of
from imagewright.images.tables.columns import LABEL_COLUMNS
from imagewright.json_files import parse_json

SIDE_FILE_LIMIT = 2**20
SIDE_FILES = ("cls", "json", "txt")
MOST_NAMED = 3
"""Shards whose ends are told one by one."""
LONGEST_LABEL = 100
"""A `.txt` member with more characters is a caption."""


class Member(NamedTuple):
    """A picture in a shard: its name, its bytes, and where they begin. A `TarInfo` takes five times the memory."""

    name: str
    size: int
    offset: int


@dataclass
class Side:
    """What the members beside a picture say: the text of each kind of label, and the 0/1 values of the `.json`."""

    labels: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, int] = field(default_factory=dict)


@dataclass
class LeftOut:
    """What was passed over in shards, by kind."""

    pictures: Counter[str] = field(default_factory=Counter)
    system: int = 0
    damaged: int = 0
    repeated: int = 0
    unusable: int = 0
    ends: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Sentences with the counts, and those on the ends of shards."""
        notes = [*self.ends[:MOST_NAMED]]
        if len(self.ends) > MOST_NAMED:
            notes.append(f"The same of {len(self.ends) - MOST_NAMED:,} more shards.")
        if self.pictures:
            kinds = ", ".join(f"{name} ({count:,})" for name, count in self.pictures.most_common(5))
            notes.append(
                f"Further pictures of samples that have one already, left out: {self.pictures.total():,}; {kinds}."
            )
        if self.system:
            notes.append(f"Members that macOS or another system added, passed over: {self.system:,}.")
        if self.damaged:
            notes.append(
                f".json members that are no valid JSON, whose samples have no label from it: {self.damaged:,}."
            )
        if self.repeated:
            notes.append(
                f".cls, .json and .txt members of samples that have one of that name already, left out: "
                f"{self.repeated:,}."
            )
        if self.unusable:
            notes.append(
                f".json members whose label is neither text, a whole number nor a one-hot list, and is none: "
                f"{self.unusable:,}."
            )
        return notes


class ShardSamples:
    """Collects the members of one shard."""

    def __init__(self, left_out: LeftOut) -> None:
        self.left_out = left_out
        self._pictures: list[Member] = []
        self._sides: dict[str, Side] = {}
        self._side_names: set[str] = set()

    def wants_content(self, member: TarInfo) -> bool:
        """Whether `add` needs the bytes of a member."""
        return member.size <= SIDE_FILE_LIMIT and _suffix_of(member.name) in SIDE_FILES and not _is_system(member.name)

    def add(self, member: TarInfo, content: bytes) -> None:
        """Add a member; `content` is empty unless it is wanted."""
        name = member.name.removeprefix("./")
        if _is_system(name):
            self.left_out.system += 1
        elif is_picture_name(name):
            self._pictures.append(Member(name, member.size, member.offset_data))
        elif self.wants_content(member):
            self._add_side(name, content)

    def _add_side(self, name: str, content: bytes) -> None:
        if name in self._side_names:  # the first counts, as that of pictures does
            self.left_out.repeated += 1
            return
        self._side_names.add(name)
        stem, _, suffix = name.rpartition(".")
        side = self._sides.setdefault(stem, Side())
        if suffix.lower() != "json":
            text = content.decode("utf-8-sig", "replace").strip()
            if suffix.lower() == "cls" or len(text) <= LONGEST_LABEL:
                side.labels[suffix.lower()] = text
            return
        try:
            record = parse_json(content)
        except (ValueError, RecursionError):
            self.left_out.damaged += 1
            return
        if isinstance(record, dict):
            self.left_out.unusable += _read_record(record, side)

    def pictures(self) -> Iterator[tuple[Member, Side]]:
        """The pictures in the order of the shard, each with what the members beside it say."""
        whole = {_stem(name) for name, *_ in self._pictures if _stem(name) == _key(name)}
        companions = self._companion_ends(whole)
        taken: set[str] = set()
        for member in self._pictures:
            stem, key = _stem(member.name), _key(member.name)
            end = member.name[len(key) :]
            if stem in taken or (stem != key and key in whole and end in companions):
                self.left_out.pictures[end] += 1
                continue
            taken.add(stem)
            yield member, self._sides.get(stem) or self._sides.get(key) or Side()

    def _companion_ends(self, whole: set[str]) -> set[str]:
        """Ends such as `.mask.png` that most keys with a picture of their own (`whole`) have besides."""
        ends = Counter(name[len(_key(name)) :] for name, *_ in self._pictures if _key(name) in whole)
        return {
            end
            for end, count in ends.items()
            if end.count(".") > 1 and 2 * count > len(whole) and not end.split(".")[1].isdecimal()
        }


def _read_record(record: dict[str, Any], side: Side) -> bool:
    """The label and the 0/1 values of a `.json` member. Returns whether it has a label that cannot be one."""
    label = next((label for key in LABEL_COLUMNS if (label := _label_of(record.get(key))) is not None), None)
    if label is not None:
        side.labels["json"] = label
    side.attributes = {
        str(key): int(value)
        for key, value in record.items()
        if key not in LABEL_COLUMNS and isinstance(value, int) and value in {0, 1}
    }
    return label is None and any(record.get(key) is not None for key in LABEL_COLUMNS)


def _label_of(value: Any) -> str | None:
    """A label as text; of a one-hot list, the place of its 1. None for anything else."""
    if isinstance(value, (int, str)):
        return str(value).strip()
    if isinstance(value, float) and value.is_integer():  # as pandas writes whole numbers of a column with gaps
        return str(int(value))
    if isinstance(value, list) and value.count(1) == 1 and value.count(0) == len(value) - 1 > 0:
        return str(value.index(1))
    return None


def _is_system(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") or system_folder_of(name) is not None


def _suffix_of(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _stem(name: str) -> str:
    """The path without the last suffix."""
    return name.rpartition(".")[0]


def _key(name: str) -> str:
    """The path up to the first dot of the base name."""
    folder, slash, base = name.rpartition("/")
    return f"{folder}{slash}{base.partition('.')[0]}"
