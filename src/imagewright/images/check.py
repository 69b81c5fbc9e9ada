"""What is in a source and what is wrong with it: every picture is decoded once, nothing is written."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.images.decoding import Header, Unreadable, decode, read_header
from imagewright.images.open import attach_labels
from imagewright.images.parallel import Range, over_ranges
from imagewright.images.preparing import chunks
from imagewright.images.sources.base import Payload, Source
from imagewright.images.sources.finding import find_source

RANGE_PICTURES = 64
EXAMPLES = 20
"""At most this many unreadable pictures, and groups of duplicates, are named; all are counted."""


@dataclass
class CheckReport:
    """What `check_images` found.

    `sizes`, `modes`, `formats`: how many pictures have each ("HEIGHTxWIDTH", Pillow's mode, the file format), the
    commonest first. `classes`: pictures of each class; `attributes`: pictures that have each. `unreadable`: pictures
    that cannot be decoded, `unreadable_examples` names some with the reason. `duplicates`: pictures whose pixels equal
    those of an earlier one, `duplicate_groups` names some. `suggested_size`: (height, width), or None.
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
            lines.append(f"{title + 's':<12}{_in_words(counts)}")
        if self.classes is not None:
            lines.append(f"{'classes':<12}{len(self.classes)}: {_in_words(self.classes)}")
        if self.attributes is not None:
            lines.append(f"{'attributes':<12}{len(self.attributes)}: {_in_words(self.attributes)}")
        lines.append(f"{'unreadable':<12}{self.unreadable:,}")
        lines += [f"  {name}: {reason}" for name, reason in self.unreadable_examples]
        if self.unreadable > len(self.unreadable_examples):
            lines.append(f"  and {self.unreadable - len(self.unreadable_examples):,} more")
        lines.append(f"{'duplicates':<12}{self.duplicates:,}")
        lines += ["  " + " = ".join(group) for group in self.duplicate_groups]
        lines += [f"{'note':<12}{note}" for note in self.notes]
        if self.suggestion:
            lines.append(f"{'suggestion':<12}{self.suggestion}")
        return lines


def _in_words(counts: dict[str, int], most: int = 8) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f" and {len(counts) - most:,} more" if len(counts) > most else "") or "none"


@dataclass
class _Findings:
    """What one range of pictures showed. `digests` uint64 (n, 2) of the pixels of the pictures `good`."""

    headers: list[Header]
    good: list[int]
    digests: np.ndarray
    bad: list[tuple[int, str]]


def check_images(
    source: Any,
    *,
    split: str | None = None,
    labels: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
    cache_dir: str | Path | None = None,
) -> CheckReport:
    """Look at every picture of a source (as for `open_images`): counts, sizes, labels, damage, exact duplicates.

    Raises `DataError` only where the source itself cannot be opened; bad pictures are in the report.
    `progress(done, total)` is called now and then.
    """
    opened = find_source(source, split, cache_dir)
    attach_labels(opened, labels)
    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    channels: Counter[int] = Counter()
    good, digests, bad, done = [], [], [], [0]

    def tell() -> None:
        if progress is not None:
            progress(done[0], len(opened))

    def work(bounds: Range, stop: threading.Event) -> _Findings:
        return _examine_range(opened, bounds, stop)

    for found in over_ranges(chunks(opened, RANGE_PICTURES), work, workers, tell):
        for header in found.headers:
            sizes[header.width, header.height] += 1
            modes[header.mode] += 1
            formats[header.format] += 1
            channels[header.channels] += 1
        good.append(np.array(found.good, np.int64))
        digests.append(found.digests)
        bad += found.bad
        done[0] += len(found.good) + len(found.bad)
    bad.sort()
    report = CheckReport(opened.typed, len(opened), len(opened) - len(bad), notes=opened.notes)
    report.sizes = {f"{height}x{width}": count for (width, height), count in sizes.most_common()}
    report.modes, report.formats = dict(modes.most_common()), dict(formats.most_common())
    report.unreadable = len(bad)
    report.unreadable_examples = [(opened.name(index), reason) for index, reason in bad[:EXAMPLES]]
    _count_annotations(opened, report)
    _find_duplicates(opened, np.concatenate(good), np.concatenate(digests), report)
    if sizes:
        _suggest(sizes, channels.most_common(1)[0][0], report)
    return report


def _examine_range(source: Source, bounds: Range, stop: threading.Event) -> _Findings:
    headers: list[Header] = []
    good: list[int] = []
    bad: list[tuple[int, str]] = []
    digests = bytearray()
    for index, payload in enumerate(source.read(np.arange(*bounds)), bounds[0]):
        if stop.is_set():
            break
        try:
            header, pixels = _examine(payload)
        except Unreadable as reason:
            bad.append((index, str(reason)))
            continue
        headers.append(header)
        good.append(index)
        digests += hashlib.blake2b(f"{header.width} {header.channels} ".encode() + pixels, digest_size=16).digest()
    return _Findings(headers, good, np.frombuffer(bytes(digests), np.uint64).reshape(-1, 2), bad)


def _examine(payload: Payload) -> tuple[Header, bytes]:
    if isinstance(payload, Unreadable):
        raise payload
    if isinstance(payload, np.ndarray):
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[payload.shape[2]]
        return Header(payload.shape[1], payload.shape[0], mode, "array"), payload.tobytes()
    header = read_header(payload)
    return header, decode(payload, header.channels).tobytes()


def _count_annotations(source: Source, report: CheckReport) -> None:
    known = source.annotations
    if known.labels is not None and known.class_names is not None:
        counts = np.bincount(known.labels, minlength=len(known.class_names))
        report.classes = dict(zip(known.class_names, counts.tolist(), strict=True))
    if known.attributes is not None and known.attribute_names is not None:
        positive = known.attributes.sum(axis=0, dtype=np.float64).astype(np.int64)
        report.attributes = dict(zip(known.attribute_names, positive.tolist(), strict=True))


def _find_duplicates(source: Source, indices: np.ndarray, digests: np.ndarray, report: CheckReport) -> None:
    if len(indices) == 0:
        return
    order = np.lexsort((indices, digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    same = np.concatenate(([False], (ordered[1:] == ordered[:-1]).all(axis=1)))
    report.duplicates = int(same.sum())
    starts = np.flatnonzero(~same & np.concatenate((same[1:], [False])))
    groups = []
    for start in starts[:EXAMPLES]:
        stop = start + 1
        while stop < len(same) and same[stop]:
            stop += 1
        groups.append([source.name(int(indices[place])) for place in order[start : min(stop, start + EXAMPLES)]])
    report.duplicate_groups = sorted(groups)


def _suggest(sizes: Counter[tuple[int, int]], channels: int, report: CheckReport) -> None:
    """A power of two that nine pictures in ten need not be enlarged for: the size that most models take."""
    sides = np.repeat([min(size) for size in sizes], list(sizes.values()))
    reached = int(np.quantile(sides, 0.1, method="lower"))
    side = max(8, 2 ** int(np.log2(max(reached, 1))))
    report.suggested_size, report.suggested_channels = (side, side), channels
    enlarged = int((sides < side).sum())
    how_many = "no picture is" if not enlarged else f"{enlarged:,} pictures are" if enlarged > 1 else "1 picture is"
    report.suggestion = f"--size {side} ({how_many} enlarged), {channels} channel{'s' if channels > 1 else ''}"
