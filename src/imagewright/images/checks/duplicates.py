"""`duplicates`: groups of equal and of nearly equal pictures of a source, or pictures that two sources share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from imagewright.images.checks.groups import equal_groups, near_groups, shared_pictures
from imagewright.images.checks.survey import survey
from imagewright.images.sources.finding import find_source
from imagewright.progress import Progress, ProgressCounter


@dataclass
class Duplicates:
    """The result of `duplicates`.

    Attributes:
        source: as the user named it.
        against: the other source, or None.
        equal: names of pictures with equal pixels, a list for each group; with `against`, a pair of the name in the
            source and the name in the other.
        near: the same for pictures that look the same (resized, recompressed, brightened or slightly cropped) without
            being equal.
        unreadable: how many pictures could not be decoded, and were not compared.
        notes: sentences on the search.
    """

    source: str
    against: str | None
    equal: list[list[str]] = field(default_factory=list)
    near: list[list[str]] = field(default_factory=list)
    unreadable: int = 0
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The result, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The result as lines of plain text: `a = b` for equal pictures, `a ~ b` for nearly equal ones."""
        names = self.source if self.against is None else f"{self.source} and {self.against}"
        what = "groups of" if self.against is None else "shared"
        lines = [f"{names}: {len(self.equal):,} {what} equal pictures, {len(self.near):,} {what} nearly equal pictures"]
        lines += ["  " + " = ".join(group) for group in self.equal]
        lines += ["  " + " ~ ".join(group) for group in self.near]
        if self.unreadable:
            lines.append(
                f"{self.unreadable:,} unreadable pictures were not compared: `imagewright data check` names them"
            )
        return lines + self.notes


def duplicates(
    source: Any,
    against: Any = None,
    *,
    split: str | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Duplicates:
    """Find equal and nearly equal pictures, by name. Every picture is decoded once, and nothing is written.

    source: as for `open_images`.
    against: another source: the pictures that are in both are found instead, such as test pictures among the training
        pictures.
    split: a part of the source.
    progress: called with (done, total) now and then.
    workers: how many threads decode; by default one for each core.
    Raises `DataError` if a source cannot be opened.
    """
    opened = find_source(source, split)
    other = None if against is None else find_source(against, None)
    counter = ProgressCounter(len(opened) + (0 if other is None else len(other)), progress)
    found = survey(opened, workers, counter)
    result = Duplicates(opened.typed, None if other is None else other.typed, unreadable=len(found.unreadable))
    if other is None:
        equal = equal_groups(found.pictures)
        near = near_groups(opened, found.pictures, equal)
        result.equal = [[opened.name(index) for index in group] for group in equal.groups]
        result.near = [[opened.name(index) for index in group] for group in near.groups]
        note = near.note
    else:
        others = survey(other, workers, counter)
        result.unreadable += len(others.unreadable)
        shared = shared_pictures(opened, found.pictures, other, others.pictures)
        result.equal = [[opened.name(mine), other.name(theirs)] for mine, theirs in shared.equal.tolist()]
        result.near = [[opened.name(mine), other.name(theirs)] for mine, theirs in shared.near.tolist()]
        note = shared.note
    result.notes += [note] if note else []
    return result
