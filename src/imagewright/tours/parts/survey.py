"""The set: what the check says of it, its pictures by cluster, and the strangest of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.analysis.clusters.clusters import Clusters, cluster
from imagewright.analysis.outliers.outliers import outliers
from imagewright.analysis.sheets import load_pictures, sheet_size, short_names
from imagewright.errors import DataError, count_text
from imagewright.images import Images
from imagewright.images.checks.report import CheckReport, check
from imagewright.images.selection import pick_evenly, source_of_some
from imagewright.output.grids import draw_grid
from imagewright.tours.record import PartRecord
from imagewright.tours.work import TourWork

TIMED, LEAST_CHECKED = 64, 256  # pictures of the check: to measure its rate, and however slow it is
SHARE_CHECKED = 0.35  # of the time of the part
LEAST_ANALYSED, MOST_ANALYSED = 100, 4_000  # pictures that are grouped and ranked
SHARE_ANALYSED = 0.6  # of the time that is left, by the time that the fewest take: grouping many takes more for each
LEAST_RANKED = 30  # pictures, of which fewer are not ranked by strangeness
TIMES_GROUPING = 3.5  # so much longer than groups strange pictures take to find, with patches; observed: 3.3
WALL, WALL_ROWS, STRANGEST = 60, 6, 12
CHECKED_OPTIONS = ("split", "labels", "label_column", "only", "exclude", "value_range")
NAMED = 3  # groups of duplicates, and notes of the check


def survey_set(work: TourWork, part: PartRecord) -> None:
    """Check the source, group its pictures, rank them by strangeness: so many as the time of the part allows."""
    part.facts, part.figures, part.values = [], [], {}
    _check(work, part)
    try:
        own = pick_evenly(work.pictures.own, _analysable(work))
        began = work.clock.elapsed
        _draw_clusters(work, part, own)
        ranked = _rankable(work.clock.seconds - work.clock.elapsed, work.clock.elapsed - began, len(own))
        if ranked >= LEAST_RANKED or ranked == len(own):
            _draw_strangest(work, part, pick_evenly(own, ranked))
        else:
            part.facts.append("There was no time to look for strange pictures: `imagewright outliers` finds them.")
    except DataError as error:  # such as a set whose pictures are all equal
        part.facts.append(str(error))


def _analysable(work: TourWork) -> int:
    """How many pictures can be grouped and ranked in the time that is left, by the time that grouping a few takes."""
    own = work.pictures.own
    if len(own) <= LEAST_ANALYSED:
        return len(own)
    began = work.clock.elapsed
    cluster(pick_evenly(own, LEAST_ANALYSED), seed=work.record.seed, progress=work.clock.tick)
    seconds = max(1e-6, work.clock.elapsed - began)
    left = SHARE_ANALYSED * (work.clock.seconds - work.clock.elapsed)
    most = int(LEAST_ANALYSED * left / ((1 + TIMES_GROUPING) * seconds))
    return max(LEAST_ANALYSED, min(most, MOST_ANALYSED, len(own)))


def _rankable(left: float, grouping: float, grouped: int) -> int:
    """How many pictures can be ranked in the seconds that are left, as grouping `grouped` took `grouping` seconds."""
    return min(grouped, max(0, int(grouped * left / (TIMES_GROUPING * max(1e-6, grouping)))))


def _check(work: TourWork, part: PartRecord) -> None:
    """Check all pictures as they are on the disk, or some of them if that takes too much of the time of the part."""
    own = work.pictures.own
    options: dict[str, Any] = {"examples": NAMED, "progress": work.clock.tick}
    if not isinstance(work.source, str | Path):
        part.facts.append(f"{count_text(len(own), 'picture')}, {own.width}x{own.height} pixels.")
        return
    most = _checkable(work, own)
    if most >= work.record.pictures:
        options |= {name: work.record.opening.get(name) for name in CHECKED_OPTIONS}
        found = check(work.source, work.other, **options)
        part.values = {"duplicates": found.duplicates, "near_duplicates": found.near_duplicates}
    else:
        found = check(source_of_some(own, most), value_range=work.record.opening.get("value_range"), **options)
        part.facts.append(f"{found.count:,} of {work.record.pictures:,} pictures were checked, spread over the set.")
    part.facts += check_facts(found, is_whole=most >= work.record.pictures, sets=work.record.arrangement == "two sets")


def _checkable(work: TourWork, own: Images) -> int:
    """How many pictures can be checked in the time for it, by the rate of a few; all of a small set."""
    if len(own) <= LEAST_CHECKED:
        return work.record.pictures
    began = time.monotonic()
    check(source_of_some(own, TIMED), value_range=work.record.opening.get("value_range"))
    rate = TIMED / max(1e-6, time.monotonic() - began)
    sets = 1 if work.pictures.second is None and work.other is None else 2
    left = max(0.0, work.clock.seconds - work.clock.elapsed)  # opening the pictures is counted to the part
    most = int(SHARE_CHECKED * left * rate / sets)
    return most if most >= work.record.pictures else max(LEAST_CHECKED, min(most, len(own)))


def check_facts(found: CheckReport, *, is_whole: bool = True, sets: bool = False) -> list[str]:
    """What the check found, as sentences for the page.

    is_whole: whether all pictures were checked.
    sets: whether the classes are two sets, which the page names elsewhere.
    """
    (size, usual), *others = found.sizes.items() or [("none", 0)]
    facts = [
        f"{count_text(found.count, 'picture')}, all {size} pixels."
        if not others
        else f"{count_text(found.count, 'picture')} of {len(others) + 1} sizes; the commonest is {size} ({usual:,})."
    ]
    if found.classes and not sets:
        few, most = min(found.classes.values()), max(found.classes.values())
        each = f"{few:,} pictures each" if few == most else f"{few:,} to {most:,} pictures each"
        facts.append(f"{len(found.classes)} classes of {each}.")
    if found.unreadable:
        facts.append(f"{count_text(found.unreadable, 'picture')} cannot be read, and were left out.")
    for count, groups, sign, what in (
        (found.duplicates, found.duplicate_groups, " = ", "equal to an earlier one"),
        (found.near_duplicates, found.near_duplicate_groups, " ~ ", "nearly equal to an earlier one"),
    ):
        if count:
            named = "; ".join(sign.join(group[:4]) for group in groups[:NAMED])
            facts.append(f"{count_text(count, 'picture')} {'is' if count == 1 else 'are'} {what}: {named}.")
    if not found.duplicates and not found.near_duplicates:
        facts.append("No picture is there twice." if is_whole else "None of these is there twice.")
    return facts + [_sentence(note) for note in found.notes[:NAMED]]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else ".")


def _draw_clusters(work: TourWork, part: PartRecord, own: Images) -> None:
    found = cluster(own, seed=work.record.seed, progress=work.clock.tick)
    rows, labels = wall_of(found)
    cells = load_pictures(found.images, np.concatenate(rows), sheet_size(own.size))
    picture = draw_grid(cells, len(rows[0]), row_labels=labels)
    sizes = ", ".join(f"{size:,}" for size in found.sizes[:WALL_ROWS])
    more = found.count - WALL_ROWS
    rest = f", and {count_text(more, 'smaller group')}" if more > 0 else ""
    known = "" if found.purity is None else f" {found.purity:.0%} of the pictures are of their group's commonest class."
    among = "" if len(own) == work.record.pictures else f" among {len(own):,}, spread evenly over the set"
    part.facts.append(
        f"{count_text(found.count, 'group')} of similar pictures{among}: of {sizes} pictures{rest}.{known}"
    )
    shown, whole = sum(int((row >= 0).sum()) for row in rows), work.record.pictures
    part_of = "" if shown == whole else f" {shown:,} of {whole:,} pictures are shown."
    caption = f"Groups of pictures that look alike, the most typical first; found without labels.{part_of}"
    work.add_picture(part, "set-groups", picture, caption)


def wall_of(found: Clusters) -> tuple[list[Any], list[str]]:
    """About 60 pictures in rows by cluster, the most typical first: indices (-1 for an empty cell), and row labels."""
    shown = min(found.count, WALL_ROWS)
    each, columns = WALL_ROWS // shown, WALL // WALL_ROWS
    rows, labels = [], []
    for number in range(shown):
        members = np.flatnonzero(found.labels == number)
        members = members[np.argsort(found.distances[members], kind="stable")][: each * columns]
        for start in range(0, len(members), columns):
            row = np.full(columns, -1)
            chosen = members[start : start + columns]
            row[: len(chosen)] = chosen
            rows.append(row)
            labels.append("" if start else _row_label(len(members), found.sizes[number]))
    return rows, labels


def _row_label(shown: int, size: int) -> str:
    return count_text(size, "picture") if shown == size else f"{shown:,} of {size:,}"


def _draw_strangest(work: TourWork, part: PartRecord, own: Images) -> None:
    found = outliers(own, seed=work.record.seed, progress=work.clock.tick)
    chosen = found.order[:STRANGEST]
    cells = load_pictures(found.images, chosen, sheet_size(own.size))
    names = short_names([found.images.name(int(index)) for index in chosen])
    picture = draw_grid(cells, 6, captions=names)
    caption = (
        f"The {len(chosen):,} pictures of {len(own):,} that differ most from all others, the strangest first: faults, "
        "or rare ones."
    )
    work.add_picture(part, "set-strangest", picture, caption)
