"""What is in a source and what is wrong with it: every picture is decoded once, and nothing is written."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imagewright.images.checks.duplicates import Prints, equal_groups, near_groups, shared_pictures
from imagewright.images.checks.perceptual_hashes import SIDE, hashes_of, is_flat, small_picture
from imagewright.images.decoding.decode_all import chunks
from imagewright.images.decoding.formats import MODE_OF_CHANNELS, Header, Unreadable, decode, from_array, read_header
from imagewright.images.decoding.parallel import Range, over_ranges
from imagewright.images.open import attach_labels
from imagewright.images.sources.base import Payload, Source
from imagewright.images.sources.finding import find_source

RANGE_PICTURES = 64
EXAMPLES = 20
"""At most this many unreadable pictures, and groups of duplicates, are named; all are counted."""


@dataclass
class SharedReport:
    """What two sources have in common: pictures of the one checked that are in the other, equal or nearly so.

    `equal_examples`, `near_examples`: (name in the source checked, name in the other), at most 20 each.
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


@dataclass
class CheckReport:
    """What `check_images` found.

    `sizes`, `modes`, `formats`: how many pictures have each ("HEIGHTxWIDTH", Pillow's mode, the file format), the
    commonest first. `classes`: pictures of each class; `attributes`: pictures that have each. `unreadable`: pictures
    that cannot be decoded, `unreadable_examples` names some with the reason. `duplicates`: pictures whose pixels equal
    those of an earlier one, `duplicate_groups` names some. `near_duplicates`: pictures that look the same as an earlier
    one (resized, recompressed, brightened, slightly cropped) without being equal. `shared`: what another source has in
    common with this one, where one was given. `suggested_size`: (height, width), or None.
    """

    source: str
    count: int
    readable: int
    sizes: dict[str, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] | None = None
    attributes: dict[str, int] | None = None
    unreadable: int = 0
    unreadable_examples: list[tuple[str, str]] = field(default_factory=list)
    duplicates: int = 0
    duplicate_groups: list[list[str]] = field(default_factory=list)
    near_duplicates: int = 0
    near_duplicate_groups: list[list[str]] = field(default_factory=list)
    shared: SharedReport | None = None
    suggested_size: tuple[int, int] | None = None
    suggested_channels: int | None = None
    suggestion: str = ""
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The report, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The report as lines of plain text."""
        lines = [f"{self.source}: {self.count:,} pictures, {self.readable:,} readable"]
        for title, counts in (("size", self.sizes), ("mode", self.modes), ("format", self.formats)):
            lines.append(_line(title + "s", _in_words(counts)))
        if self.classes is not None:
            lines.append(_line("classes", f"{len(self.classes)}: {_in_words(self.classes)}"))
        if self.attributes is not None:
            lines.append(_line("attributes", f"{len(self.attributes)}: {_in_words(self.attributes)}"))
        lines.append(_line("unreadable", f"{self.unreadable:,}"))
        lines += [f"  {name}: {reason}" for name, reason in self.unreadable_examples]
        if self.unreadable > len(self.unreadable_examples):
            lines.append(f"  and {self.unreadable - len(self.unreadable_examples):,} more")
        lines.append(_line("duplicates", f"{self.duplicates:,}"))
        lines += ["  " + " = ".join(group) for group in self.duplicate_groups]
        lines.append(_line("near-duplicates", f"{self.near_duplicates:,}"))
        lines += ["  " + " ~ ".join(group) for group in self.near_duplicate_groups]
        if self.shared is not None:
            lines += self.shared.lines()
        lines += [_line("note", note) for note in self.notes]
        if self.suggestion:
            lines.append(_line("suggestion", self.suggestion))
        return lines


def _line(title: str, text: str) -> str:
    return f"{title:<17}{text}"


def _in_words(counts: dict[str, int], most: int = 8) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f" and {len(counts) - most:,} more" if len(counts) > most else "") or "none"


@dataclass
class _Findings:
    """What one range of pictures showed; `prints` of those that can be read."""

    headers: list[Header]
    prints: Prints
    bad: list[tuple[int, str]]


def check_images(
    source: Any,
    *,
    against: Any = None,
    split: str | None = None,
    labels: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
    cache_dir: str | Path | None = None,
) -> CheckReport:
    """Look at every picture of a source (as for `open_images`): counts, sizes, labels, damage, duplicates.

    `against`: another source, such as the test set to this training set: which pictures are in both, equal or nearly.
    Raises `DataError` only where a source itself cannot be opened; bad pictures are in the report.
    `progress(done, total)` is called now and then.
    """
    opened = find_source(source, split, cache_dir)
    attach_labels(opened, labels)
    other = None if against is None else find_source(against, None, cache_dir)
    total, before = len(opened) + (0 if other is None else len(other)), 0

    def tell(done: int) -> None:
        if progress is not None:
            progress(before + done, total)

    headers, prints, bad = _survey(opened, workers, tell)
    report = CheckReport(opened.typed, len(opened), len(opened) - len(bad), notes=opened.notes)
    report.sizes = {f"{height}x{width}": count for (width, height), count in headers.sizes.most_common()}
    report.modes, report.formats = dict(headers.modes.most_common()), dict(headers.formats.most_common())
    report.unreadable = len(bad)
    report.unreadable_examples = [(opened.name(index), reason) for index, reason in bad[:EXAMPLES]]
    _count_annotations(opened, report)
    _report_duplicates(opened, prints, report)
    if other is not None:
        before = len(opened)
        _report_shared(opened, prints, other, _survey(other, workers, tell)[1], report)
    if headers.sizes:
        _suggest(headers.sizes, headers.channels.most_common(1)[0][0], report)
    return report


class _Tally:
    """How many pictures have each size (width, height), mode, format and number of channels."""

    def __init__(self) -> None:
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.modes: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()
        self.channels: Counter[int] = Counter()

    def add(self, header: Header) -> None:
        self.sizes[header.width, header.height] += 1
        self.modes[header.mode] += 1
        self.formats[header.format] += 1
        self.channels[header.channels] += 1


def _survey(
    source: Source, workers: int | None, tell: Callable[[int], None]
) -> tuple[_Tally, Prints, list[tuple[int, str]]]:
    """Every picture of a source, once: its header, its prints, or why it cannot be read."""
    tally, prints, bad, done = _Tally(), [], [], [0]

    def work(bounds: Range, stop: threading.Event) -> _Findings:
        return _examine_range(source, bounds, stop)

    for found in over_ranges(chunks(source, RANGE_PICTURES), work, workers, lambda: tell(done[0])):
        for header in found.headers:
            tally.add(header)
        prints.append(found.prints)
        bad += found.bad
        done[0] += len(found.headers) + len(found.bad)
    parts = ([getattr(each, name) for each in prints] for name in ("indices", "digests", "hashes", "flat"))
    return tally, Prints(*(np.concatenate(part) for part in parts)), sorted(bad)


def _examine_range(source: Source, bounds: Range, stop: threading.Event) -> _Findings:
    headers: list[Header] = []
    good: list[int] = []
    bad: list[tuple[int, str]] = []
    digests = bytearray()
    small = np.empty((bounds[1] - bounds[0], SIDE, SIDE), np.uint8)
    for index, payload in enumerate(source.read(np.arange(*bounds)), bounds[0]):
        if stop.is_set():
            break
        try:
            header, picture = _examine(payload)
        except Unreadable as reason:
            bad.append((index, str(reason)))
            continue
        small[len(good)] = small_picture(picture)
        headers.append(header)
        good.append(index)
        shape = f"{header.width} {header.channels} ".encode()
        digests += hashlib.blake2b(shape + picture.tobytes(), digest_size=16).digest()
    small = small[: len(good)]
    whole = np.frombuffer(bytes(digests), np.uint64).reshape(-1, 2)
    return _Findings(headers, Prints(np.array(good, np.int64), whole, hashes_of(small), is_flat(small)), bad)


def _examine(payload: Payload) -> tuple[Header, Image.Image]:
    if isinstance(payload, Unreadable):
        raise payload
    if isinstance(payload, np.ndarray):
        channels = payload.shape[2]
        header = Header(payload.shape[1], payload.shape[0], MODE_OF_CHANNELS[channels], "array")
        return header, from_array(payload, channels)
    header = read_header(payload)
    return header, decode(payload, header.channels)


def _count_annotations(source: Source, report: CheckReport) -> None:
    known = source.annotations
    if known.labels is not None and known.class_names is not None:
        counts = np.bincount(known.labels, minlength=len(known.class_names))
        report.classes = dict(zip(known.class_names, counts.tolist(), strict=True))
    if known.attributes is not None and known.attribute_names is not None:
        positive = known.attributes.sum(axis=0, dtype=np.float64).astype(np.int64)
        report.attributes = dict(zip(known.attribute_names, positive.tolist(), strict=True))


def _report_duplicates(source: Source, prints: Prints, report: CheckReport) -> None:
    equal = equal_groups(prints)
    near = near_groups(source, prints, equal)
    report.duplicates, report.near_duplicates = equal.count, near.count
    report.duplicate_groups, report.near_duplicate_groups = (_named(source, found.groups) for found in (equal, near))
    report.notes += [near.note] if near.note else []


def _named(source: Source, groups: list[list[int]]) -> list[list[str]]:
    return [[source.name(index) for index in group[:EXAMPLES]] for group in groups[:EXAMPLES]]


def _report_shared(source: Source, prints: Prints, other: Source, others: Prints, report: CheckReport) -> None:
    found = shared_pictures(source, prints, other, others)
    examples = (
        [(source.name(mine), other.name(theirs)) for mine, theirs in pairs[:EXAMPLES].tolist()]
        for pairs in (found.equal, found.near)
    )
    report.shared = SharedReport(other.typed, len(found.equal), len(found.near), *examples)
    report.notes += [f"Shared pictures: {found.note}"] if found.note else []


def _suggest(sizes: Counter[tuple[int, int]], channels: int, report: CheckReport) -> None:
    """A power of two that nine pictures in ten need not be enlarged for: the size that most models take."""
    sides = np.repeat([min(size) for size in sizes], list(sizes.values()))
    reached = int(np.quantile(sides, 0.1, method="lower"))
    side = max(8, 2 ** int(np.log2(max(reached, 1))))
    report.suggested_size, report.suggested_channels = (side, side), channels
    enlarged = int((sides < side).sum())
    how_many = "no picture is" if not enlarged else f"{enlarged:,} pictures are" if enlarged > 1 else "1 picture is"
    report.suggestion = f"--size {side} ({how_many} enlarged), {channels} channel{'s' if channels > 1 else ''}"
