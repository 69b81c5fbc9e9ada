"""`check`: what is in a source and what is wrong with it. Every picture is decoded once, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, DataError, count_text
from imagewright.images.checks.balance import attribute_notes, class_notes
from imagewright.images.checks.groups import PictureHashes, equal_groups, near_groups, shared_pictures
from imagewright.images.checks.pairs import DomainsReport, PairsReport, check_pairs, compare_domains
from imagewright.images.checks.shards import ShardsReport, check_shards, layers_of, only_here
from imagewright.images.checks.survey import Survey, survey
from imagewright.images.decoding.formats import EXACT, Decoding
from imagewright.images.few import FEW_PICTURES, few_pictures_note
from imagewright.images.headers import sample_headers
from imagewright.images.label_arrays import LabelsLike
from imagewright.images.opening import Choices, resolve_choices
from imagewright.images.opening_layers import find_layer_folders, open_layer_folder
from imagewright.images.sources.base import ListedSource, PictureSource
from imagewright.images.sources.finding import find_source
from imagewright.images.sources.indexed_shards import IndexedShards
from imagewright.images.tables.attaching import attach_labels
from imagewright.notebooks import NotebookDisplay
from imagewright.pixels import size_text
from imagewright.progress import Progress, ProgressCounter

LAYERS = ("input", "target")
EXAMPLES = 20
"""So many unreadable pictures and groups of duplicates are named by default; all are counted."""


@dataclass
class SharedReport:
    """Pictures of the checked source that are in another source, too.

    Attributes:
        against: the other source.
        equal: how many have equal pixels.
        near: how many are nearly equal.
        equal_examples: (name in the checked source, name in the other), 20 at most.
        near_examples: the same for nearly equal pictures.
    """

    against: str
    equal: int
    near: int
    equal_examples: list[tuple[str, str]]
    near_examples: list[tuple[str, str]]

    def lines(self) -> list[str]:
        """The report as lines of plain text."""
        lines = [
            f"{'shared':<17}{self.equal:,} equal and {self.near:,} nearly equal pictures are in {self.against}, too"
        ]
        lines += [f"  {mine} = {theirs}" for mine, theirs in self.equal_examples]
        return lines + [f"  {mine} ~ {theirs}" for mine, theirs in self.near_examples]


@dataclass(repr=False)
class CheckReport(NotebookDisplay):
    """The result of `check`.

    Attributes:
        source: as the user named it.
        count: pictures in the source.
        readable: pictures that can be decoded.
        sizes: how many pictures have each size "WIDTHxHEIGHT", the commonest first.
        modes: the same for Pillow's mode.
        formats: the same for the file format.
        classes: how many pictures each class has, or None.
        attributes: how many pictures have each attribute, or None.
        unlabelled: pictures without a class among others that have one.
        unreadable: pictures that cannot be decoded.
        unreadable_examples: (name, reason), as many as were asked for (20).
        duplicates: pictures whose pixels equal those of an earlier one.
        duplicate_groups: names of equal pictures, as many groups as were asked for (20).
        near_duplicates: pictures that look the same as an earlier one (resized, recompressed, brightened or slightly
            cropped) without being equal.
        near_duplicate_groups: the same for nearly equal pictures.
        shared: pictures that another source has, too, if one was given.
        other: the report of the second set, if one was given.
        pairs: the pictures of two sets that belong together by their names.
        domains: two sets as the domains of a translation without pairs.
        shards: of shards with an index, how many are here, with the bytes that were written.
        few: classes with fewer pictures than `per_class`, and their counts; None if it was not asked for.
        suggested_size: (height, width) to train at, or None.
        suggested_channels: 1, 3 or 4, or None.
        suggestion: the same as a sentence with its option.
        notes: sentences on what was left out.
    """

    source: str
    count: int
    readable: int
    sizes: dict[str, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] | None = None
    attributes: dict[str, int] | None = None
    unlabelled: int = 0
    unreadable: int = 0
    unreadable_examples: list[tuple[str, str]] = field(default_factory=list)
    duplicates: int = 0
    duplicate_groups: list[list[str]] = field(default_factory=list)
    near_duplicates: int = 0
    near_duplicate_groups: list[list[str]] = field(default_factory=list)
    shared: SharedReport | None = None
    other: CheckReport | None = None
    pairs: PairsReport | None = None
    domains: DomainsReport | None = None
    shards: ShardsReport | None = None
    few: dict[str, int] | None = None
    suggested_size: tuple[int, int] | None = None
    suggested_channels: int | None = None
    suggestion: str = ""
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def to_dict(self) -> dict[str, Any]:
        """The report, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The report as lines of plain text."""
        lines = [f"{self.source}: {count_text(self.count, 'picture')}, {self.readable:,} readable"]
        lines += [] if self.shards is None else self.shards.lines()
        for title, counts in (("size", self.sizes), ("mode", self.modes), ("format", self.formats)):
            lines.append(_line(title + "s", _list_counts(counts)))
        if self.classes is not None:
            without = f"; {self.unlabelled:,} without a class" if self.unlabelled else ""
            lines.append(_line("classes", f"{len(self.classes)}: {_list_counts(self.classes)}{without}"))
        if self.attributes is not None:
            lines.append(_line("attributes", f"{len(self.attributes)}: {_list_counts(self.attributes)}"))
        lines.append(_line("unreadable", f"{self.unreadable:,}"))
        lines += [f"  {name}: {reason}" for name, reason in self.unreadable_examples]
        if self.unreadable > len(self.unreadable_examples):
            lines.append(f"  and {self.unreadable - len(self.unreadable_examples):,} more")
        lines.append(_line("duplicates", f"{self.duplicates:,}"))
        lines += ["  " + " = ".join(group) for group in self.duplicate_groups]
        lines.append(_line("near-duplicates", f"{self.near_duplicates:,}"))
        lines += ["  " + " ~ ".join(group) for group in self.near_duplicate_groups]
        if self.few is not None:
            lines.append(_line("few pictures", _list_counts(self.few, EXAMPLES)))
        for part in (self.shared, self.pairs, self.domains):
            lines += [] if part is None else part.lines()
        lines += [_line("note", note) for note in self.notes]
        if self.suggestion:
            lines.append(_line("suggestion", self.suggestion))
        return lines if self.other is None else [*lines, "", *self.other.lines()]


def _line(title: str, text: str) -> str:
    return f"{title:<17}{text}"


def _list_counts(counts: dict[str, int], most: int = 8) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f" and {len(counts) - most:,} more" if len(counts) > most else "") or "none"


def check(
    source: Any,
    other: Any = None,
    *,
    against: Any = None,
    per_class: int | None = None,
    split: str | None = None,
    labels: LabelsLike | None = None,
    label_column: str | None = None,
    examples: int = EXAMPLES,
    progress: Progress | None = None,
    only: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    value_range: str | tuple[float, float] | None = None,
    workers: int | None = None,
    cache_dir: str | Path | None = None,
) -> CheckReport:
    """Look at every picture of a source: counts, sizes, labels, damage, duplicates.

    source: as for `open_images`.
    other: the second set of a translation: the targets of these inputs, or the second domain. It is checked too, and
        both are compared as pairs, and as domains if few pair by name or the pairs do not clearly agree. A source with
        folders input and target, A and B, or trainA and trainB is compared so by itself.
    against: another source, such as the test set to this training set: pictures that are in both, equal or nearly.
    per_class: names classes with fewer pictures than this, such as those of a few-shot training.
    split: a part of the source.
    labels: a CSV, text or JSON file of labels or attributes; by default, one in or beside the source.
    label_column: the column of the labels (see `open_images`).
    examples: how many unreadable pictures, and groups of duplicates, are named.
    progress: called with (done, total) now and then.
    only, exclude, value_range: as for `open_images`; duplicates of pictures with more than 8 bits are found in it.
    workers: how many threads decode; by default one for each core.
    cache_dir: the folder of downloaded sets.
    Raises `DataError` only if a source itself cannot be opened; unreadable pictures are in the report.
    """
    if other is not None and against is not None:
        raise ConfigError("against= finds shared pictures, and two sets are compared for them anyway: leave it out.")
    choices = resolve_choices(only, exclude, value_range, None)
    named = find_source(source, split, cache_dir, choices.names)
    opened = only_here(named)
    attach_labels(opened, labels, label_column)
    second = None if other is None else find_source(other, split, cache_dir, choices.names)
    parts = _sub_folders(source, split, cache_dir, choices) if second is None else _named_apart(opened, second)
    pairs = layers_of(opened) if second is None else {}
    if parts and against is None and len(opened) < sum(len(part) for part in parts.values()):
        opened, second = parts.values()  # trainA and trainB, of which one alone is opened as a part
    compared = second if against is None else find_source(against, None, cache_dir)
    how, range_notes = _settle_values(opened, choices)
    hashed = len(opened) if isinstance(named, IndexedShards) else 0
    counter = ProgressCounter(hashed + len(opened) + (0 if compared is None else len(compared)), progress)
    shards = check_shards(named, counter)
    found = survey(opened, workers, counter, how)
    report = _report_on(opened, found, examples)
    report.shards = shards
    report.notes[len(opened.notes) : len(opened.notes)] = range_notes
    if per_class is not None:
        _report_few(opened, per_class, report)
    if compared is not None:
        of_other = survey(compared, workers, counter, how)
        _report_shared(opened, found.pictures, compared, of_other.pictures, report)
        report.other = None if second is None else _report_on(second, of_other, examples)
    if pairs:
        report.pairs = check_pairs(pairs, how)
    if parts:
        report.pairs = check_pairs(parts, how)
        are_pairs = report.pairs is not None and report.pairs.agrees
        if are_pairs and report.other is None:
            _suggest_channels(compare_domains(parts), report)
        if not are_pairs or 2 * report.pairs.count < min(map(len, parts.values())):  # type: ignore[union-attr]
            report.domains = compare_domains(parts)
    return report


def _report_on(source: PictureSource, found: Survey, examples: int) -> CheckReport:
    """The report on one set by itself."""
    headers, unreadable = found.headers, found.unreadable
    report = CheckReport(source.typed, len(source), len(source) - len(unreadable), notes=list(source.notes))
    report.sizes = {size_text((height, width)): count for (width, height), count in headers.sizes.most_common()}
    report.modes, report.formats = dict(headers.modes.most_common()), dict(headers.formats.most_common())
    report.unreadable = len(unreadable)
    report.unreadable_examples = [(source.name(index), reason) for index, reason in unreadable[:examples]]
    _count_annotations(source, report)
    _report_duplicates(source, found.pictures, report, examples)
    if isinstance(source, ListedSource):
        report.notes += source.listing.passed_over.companion_notes(source.typed)
    if 0 < report.readable < FEW_PICTURES:
        report.notes.append(few_pictures_note(report.readable, source.typed))
    if headers.sizes:
        _suggest(headers.sizes, headers.channels.most_common(1)[0][0], report)
    return report


def _suggest_channels(halves: DomainsReport | None, report: CheckReport) -> None:
    """Both halves of pairs keep their channels, so the commonest of all pictures is no suggestion if they differ."""
    if halves is None or len(set(halves.channels.values())) == 1 or report.suggested_channels is None:
        return
    kept = " and ".join(f"{count_text(count, 'channel')} of {name}" for name, count in halves.channels.items())
    report.suggestion = report.suggestion.replace(count_text(report.suggested_channels, "channel"), kept)
    report.suggested_channels = None


def _report_few(source: PictureSource, least: int, report: CheckReport) -> None:
    if report.classes is None:
        raise DataError(
            f"{source.typed} has no classes to count: put the pictures of each into a sub-folder, or name a table of "
            "labels with --labels FILE (labels=FILE)."
        )
    report.few = {name: count for name, count in report.classes.items() if count < least}


def _sub_folders(
    source: Any, split: str | None, cache_dir: str | Path | None, choices: Choices
) -> dict[str, PictureSource]:
    """The two sources in a folder of input and target, A and B, or trainA and trainB, by the names of their folders."""
    folders, named = find_layer_folders(source, LAYERS, split, needed=False)
    path = Path(source).expanduser() if folders else Path()
    return {
        folder: open_layer_folder(path, folder, split if folder == wanted else None, cache_dir, choices.names)
        for folder, wanted in zip(folders.values(), named, strict=True)
    }


def _named_apart(one: PictureSource, other: PictureSource) -> dict[str, PictureSource]:
    return {one.typed: one, other.typed if other.typed != one.typed else f"{other.typed} (2)": other}


def _settle_values(source: PictureSource, choices: Choices) -> tuple[Decoding, list[str]]:
    """How pictures of more than 8 bits are decoded, and notes."""
    try:
        values, notes = sample_headers(source).deep.settle(choices.value_range, source.typed)
    except DataError:  # no picture looked at can be read: the report says why
        return EXACT, []
    return Decoding(values), notes


def _count_annotations(source: PictureSource, report: CheckReport) -> None:
    known = source.annotations
    if known.labels is not None and known.class_names is not None:
        counts = np.bincount(known.labels[known.labels >= 0], minlength=len(known.class_names))
        report.unlabelled = int((known.labels < 0).sum())
        report.classes = dict(zip(known.class_names, counts.tolist(), strict=True))
        report.notes += class_notes(report.classes)
    if known.attributes is not None and known.attribute_names is not None:
        positive = (known.attributes > 0).sum(axis=0, dtype=np.int64)
        report.attributes = dict(zip(known.attribute_names, positive.tolist(), strict=True))
        report.notes += attribute_notes(known)


def _report_duplicates(source: PictureSource, pictures: PictureHashes, report: CheckReport, examples: int) -> None:
    equal = equal_groups(pictures)
    near = near_groups(source, pictures, equal)
    report.duplicates, report.near_duplicates = equal.count, near.count
    report.duplicate_groups, report.near_duplicate_groups = (
        _name_groups(source, found.groups, examples) for found in (equal, near)
    )
    report.notes += [near.note] if near.note else []


def _name_groups(source: PictureSource, groups: list[list[int]], examples: int) -> list[list[str]]:
    return [[source.name(index) for index in group[: max(examples, EXAMPLES)]] for group in groups[:examples]]


def _report_shared(
    source: PictureSource, pictures: PictureHashes, other: PictureSource, others: PictureHashes, report: CheckReport
) -> None:
    found = shared_pictures(source, pictures, other, others)
    examples = (
        [(source.name(mine), other.name(theirs)) for mine, theirs in pairs[:EXAMPLES].tolist()]
        for pairs in (found.equal, found.near)
    )
    report.shared = SharedReport(other.typed, len(found.equal), len(found.near), *examples)
    report.notes += [f"Shared pictures: {found.note}"] if found.note else []


def _suggest(sizes: Counter[tuple[int, int]], channels: int, report: CheckReport) -> None:
    """Suggest the largest power of two, which most models support, that enlarges at most one picture in ten."""
    sides = np.repeat([min(size) for size in sizes], list(sizes.values()))
    reached = int(np.quantile(sides, 0.1, method="lower"))
    side = max(8, 2 ** int(np.log2(max(reached, 1))))
    report.suggested_size, report.suggested_channels = (side, side), channels
    enlarged = int((sides < side).sum())
    how_many = "no picture is" if not enlarged else f"{enlarged:,} pictures are" if enlarged > 1 else "1 picture is"
    report.suggestion = f"--size {side} ({how_many} enlarged), {count_text(channels, 'channel')}"
    if all(width == 2 * height for width, height in sizes):
        report.suggestion += (
            "; all pictures are exactly twice as wide as high: if each is two pictures side by side, such as a drawing "
            "and its photograph, `imagewright train pix2pix` learns from the pairs (other commands: --image-layers)"
        )
