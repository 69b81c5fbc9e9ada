"""Labels and splits from folders: sub-folders are classes, or parts such as `train` and `test`."""

from __future__ import annotations

import numpy as np

from imagewright.errors import DataError
from imagewright.images.annotations import Annotations
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.masks import mask_notes
from imagewright.images.sources.name_filter import NameFilter

SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})
Path = tuple[str, ...]
"""The names of the folders from the top to one directory."""


def arrange_folders(
    listing: Listing, split: str | None, where: str, names: NameFilter | None = None
) -> tuple[Listing, Annotations, list[str]]:
    """Choose the split, and make classes of the sub-folders.

    A chain of single folders at the top is skipped. If all folders at the next level are splits (`train`, `test`,
    `val` ...), one of them is opened: `split`, else `train`. Then, if every picture is in one of at least two folders,
    the folder is its class. Names of pictures keep their whole path.

    where: the source, for messages.
    names: which pictures are taken by their names; all by default.
    Returns the listing of the chosen pictures, their labels, and notes. Raises `DataError` if there is no such split.
    """
    paths: list[Path] = [tuple(part for part in name.split("/") if part) for name in listing.directories]
    chosen, notes = _choose_split(listing, paths, split, where)
    if chosen is not None:
        listing = listing.select(np.flatnonzero(np.isin(listing.directory_ids, chosen)))
    listing = listing.without_repeats()
    if names:
        listing, left_out = names.apply(listing, where)
        notes += left_out
    notes += mask_notes(listing)
    return listing, _labels_from_folders(listing, paths), notes


def top_folders(listing: Listing) -> set[str]:
    """The names of the folders at the first level that has several, below a chain of single folders."""
    paths: list[Path] = [tuple(part for part in name.split("/") if part) for name in listing.directories]
    depth = _common_depth([paths[number] for number in np.unique(listing.directory_ids)])
    return {path[depth] for path in paths if len(path) > depth}


def _choose_split(
    listing: Listing, paths: list[Path], split: str | None, where: str
) -> tuple[list[int] | None, list[str]]:
    """The directories of the split, None for all; and notes."""
    used = np.unique(listing.directory_ids)
    depth = _common_depth([paths[number] for number in used])
    tops = {paths[number][depth] for number in used if len(paths[number]) > depth}
    all_below = all(len(paths[number]) > depth for number in used)
    has_splits = all_below and bool(tops) and {top.lower() for top in tops} <= SPLITS and "train" in tops
    if split is None and not has_splits:
        return None, []
    wanted = "train" if split is None else split
    if wanted not in tops:
        last = paths[used[0]][depth - 1] if depth else None
        if wanted == last:
            return None, []
        found = ", ".join(sorted(tops)[:10]) or "no sub-folders"
        raise DataError(f"{where} has no part {wanted!r}: it holds {found}.")
    chosen = [int(number) for number in used if len(paths[number]) > depth and paths[number][depth] == wanted]
    count = int(np.isin(listing.directory_ids, chosen).sum())
    if split is not None or count == len(listing):
        return chosen, []
    others = ", ".join(sorted(tops - {"train"}))
    return chosen, [f"The part 'train' was opened ({count:,} pictures); split= takes another ({others})."]


def _labels_from_folders(listing: Listing, paths: list[Path]) -> Annotations:
    used = np.unique(listing.directory_ids)
    depth = _common_depth([paths[number] for number in used])
    if len(used) == 0 or any(len(paths[number]) <= depth for number in used):
        return Annotations()
    class_names = tuple(sorted({paths[number][depth] for number in used}))
    if len(class_names) < 2:
        return Annotations()
    number_of = {name: number for number, name in enumerate(class_names)}
    class_of_directory = np.zeros(len(paths), np.int64)
    for number in used:
        class_of_directory[number] = number_of[paths[number][depth]]
    return Annotations(class_of_directory[listing.directory_ids], class_names)


def _common_depth(paths: list[Path]) -> int:
    """How many folders all paths begin with."""
    levels = zip(*paths, strict=False)
    return next((depth for depth, level in enumerate(levels) if len(set(level)) > 1), min(map(len, paths), default=0))
