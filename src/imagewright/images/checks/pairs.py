"""What `check` says of two sets of pictures: as pairs by their names, and as two domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.images.checks.balance import UNEVEN
from imagewright.images.checks.register import find_shifts, outline
from imagewright.images.checks.survey import decode_with_header
from imagewright.images.decoding.formats import EXACT, Decoding, Unreadable
from imagewright.images.decoding.layered import SHAPE_TOLERANCE
from imagewright.images.headers import sample_headers
from imagewright.images.sources.base import PictureSource
from imagewright.images.sources.pairing import pair_by_name
from imagewright.pixels import size_text

EXAMPLES = 20
COMPARED = 512  # pairs whose outlines are compared, spread evenly


@dataclass
class PairsReport:
    """Pictures of two sets that belong together by their names.

    Attributes:
        layers: the names of the two sets.
        count: pairs.
        alone: by set, names of pictures without a partner, 20 at most.
        alone_count: by set, how many there are.
        other_size: pairs whose pictures have different sizes.
        other_size_examples: (name, size of each), 20 at most.
        other_shape: how many of those have another aspect, too: a training leaves them out.
        compared: pairs whose outlines were compared.
        shifted: how many of those are out of register.
        shifted_examples: (name, pixels down, pixels right) of the second against the first, 20 at most.
        common_shift: (pixels down, pixels right) by which all pairs together are out of register; (0, 0) for none.
        agrees: whether pairs agree more than pictures of different pairs; None if there are too few to say.
        notes: sentences on how names were paired.
    """

    layers: tuple[str, str]
    count: int
    alone: dict[str, list[str]]
    alone_count: dict[str, int]
    other_size: int = 0
    other_size_examples: list[tuple[str, str, str]] = field(default_factory=list)
    other_shape: int = 0
    compared: int = 0
    shifted: int = 0
    shifted_examples: list[tuple[str, int, int]] = field(default_factory=list)
    common_shift: tuple[int, int] = (0, 0)
    agrees: bool | None = None
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as lines of plain text."""
        one, other = self.layers
        lines = [f"{'pairs':<17}{self.count:,} of {one} and {other}, by their names"]
        for name, count in self.alone_count.items():
            if count:
                lines.append(
                    f"  {count_text(count, 'picture')} of {name} without a partner: {_listed(self.alone[name], count)}"
                )
        if self.other_size:
            lost = f"; {self.other_shape:,} of another shape, which a training leaves out" if self.other_shape else ""
            lines.append(f"  {count_text(self.other_size, 'pair')} of two sizes{lost}")
            lines += [f"    {name}: {mine} and {theirs}" for name, mine, theirs in self.other_size_examples]
        if self.shifted:
            lines.append(f"  {self.shifted:,} of {count_text(self.compared, 'pair')} compared are out of register:")
            lines += [
                f"    {name}: {down:+d} pixels down, {right:+d} right" for name, down, right in self.shifted_examples
            ]
        if any(self.common_shift):
            down, right = self.common_shift
            lines.append(
                f"  all pairs together are out of register: {other} by {down:+d} pixels down, {right:+d} right"
            )
        if self.agrees is False:
            lines.append(
                "  the outlines of pairs agree no more than those of other pictures: do these names mean pairs?"
            )
        return lines + [f"  {note}" for note in self.notes]


@dataclass
class DomainsReport:
    """Two sets as the domains of a translation without pairs.

    Attributes:
        counts: pictures of each, by name.
        sizes: the commonest size of each.
        channels: the commonest channels of each.
        notes: what will be done about differences, and what to do.
    """

    counts: dict[str, int]
    sizes: dict[str, str]
    channels: dict[str, int]
    notes: list[str]

    def lines(self) -> list[str]:
        """The report as lines of plain text."""
        found = [
            f"{name} ({count:,} of {self.sizes[name]}, {count_text(self.channels[name], 'channel')})"
            for name, count in self.counts.items()
        ]
        return [f"{'domains':<17}{' and '.join(found)}", *(f"  {note}" for note in self.notes)]


def check_pairs(parts: Mapping[str, PictureSource], how: Decoding = EXACT) -> PairsReport | None:
    """The pairs of two sources; None if their names do not pair."""
    try:
        pairing = pair_by_name(parts)
    except DataError:
        return None
    (one, first), (other, second) = parts.items()
    indices = np.stack([pairing.indices[one], pairing.indices[other]], 1)
    alone = {name: np.setdiff1d(np.arange(len(part)), pairing.indices[name]).tolist() for name, part in parts.items()}
    report = PairsReport(
        (one, other),
        len(indices),
        {name: [parts[name].name(index) for index in found[:EXAMPLES]] for name, found in alone.items()},
        {name: len(found) for name, found in alone.items()},
        notes=[note for note in pairing.notes if "without a partner" not in note],
    )
    compared = set(_spread(len(indices)))
    outlines, names, sizes = [], [], []
    for row, (mine, theirs) in enumerate(_read_both(first, second, indices)):
        found = _decode_both(mine, theirs, how)
        if found is None:
            continue
        name = first.name(int(indices[row, 0]))
        headers = [header for header, _ in found]
        _note_sizes(report, name, [(header.width, header.height) for header in headers])
        if row in compared:
            outlines.append([outline(picture) for _, picture in found])
            names.append(name)
            sizes.append((headers[1].height, headers[1].width))
    _note_register(report, outlines, names, sizes)
    return report


def compare_domains(parts: Mapping[str, PictureSource]) -> DomainsReport | None:
    """Two sources as domains, by samples of their headers; None if one of them has no readable picture."""
    try:
        usual = {name: sample_headers(part).usual for name, part in parts.items()}
    except DataError:
        return None
    counts = {name: len(part) for name, part in parts.items()}
    sizes = {name: size_text((found.height, found.width)) for name, found in usual.items()}
    channels = {name: found.channels for name, found in usual.items()}
    (one, first), (other, second) = sizes.items()
    notes = []
    fewer, more = sorted(counts, key=lambda name: counts[name])
    if counts[more] >= UNEVEN * counts[fewer]:
        notes.append(
            f"{more} has {counts[more] / counts[fewer]:.0f} times as many pictures as {fewer}, each of which a "
            f"training sees so many times as often: more pictures of {fewer} help most."
        )
    if first != second:
        notes.append(
            f"The commonest sizes differ: {other} is brought to the size of {one}. If things have another scale in one "
            "of them, the translation learns that scale, too."
        )
    if channels[one] != channels[other]:
        notes.append(
            f"The channels differ: pairs keep them; of two sets, {other} is converted to those of {one} (--channels "
            "chooses)."
        )
    return DomainsReport(counts, sizes, channels, notes)


def _spread(count: int) -> list[int]:
    return np.linspace(0, count - 1, min(count, COMPARED)).round().astype(int).tolist()


def _read_both(first: PictureSource, second: PictureSource, indices: np.ndarray) -> Iterator[tuple[Any, Any]]:
    yield from zip(first.read(indices[:, 0]), second.read(indices[:, 1]), strict=True)


def _decode_both(mine: Any, theirs: Any, how: Decoding) -> list[Any] | None:
    """(header, picture) of both; None if one cannot be read."""
    try:
        return [decode_with_header(payload, how) for payload in (mine, theirs)]
    except Unreadable:
        return None


def _note_sizes(report: PairsReport, name: str, sizes: list[tuple[int, int]]) -> None:
    if sizes[0] == sizes[1]:
        return
    report.other_size += 1
    if len(report.other_size_examples) < EXAMPLES:
        mine, theirs = (size_text((height, width)) for width, height in sizes)
        report.other_size_examples.append((name, mine, theirs))
    aspects = sorted(width / height for width, height in sizes)
    report.other_shape += aspects[1] > aspects[0] * (1 + SHAPE_TOLERANCE)


def _note_register(
    report: PairsReport, outlines: list[list[np.ndarray]], names: list[str], sizes: list[tuple[int, int]]
) -> None:
    report.compared = len(outlines)
    if not outlines:
        return
    inputs, targets = np.moveaxis(np.array(outlines), 1, 0)
    found = find_shifts(inputs, targets)
    report.agrees = found.agrees
    if found.agrees is False:
        return  # shifts between pictures that have nothing in common mean nothing
    report.common_shift = _in_pixels(found.common, sizes[0])
    moved = np.flatnonzero(found.shifts.any(1))
    report.shifted = len(moved)
    for row in moved[:EXAMPLES].tolist():
        down, right = _in_pixels(found.shifts[row], sizes[row])
        report.shifted_examples.append((names[row], down, right))


def _in_pixels(shares: Any, size: tuple[int, int]) -> tuple[int, int]:
    down, right = (round(float(share) * side) for share, side in zip(shares, size, strict=True))
    return down, right


def _listed(names: list[str], count: int, most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if count > most else "")
