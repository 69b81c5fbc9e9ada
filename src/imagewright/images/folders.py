"""Labels and splits from folders: sub-folders are classes, or parts such as `train` and `test`."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import numpy as np

from imagewright.errors import DataError
from imagewright.images.annotations import Annotations, clean_class
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.masks import mask_notes
from imagewright.images.sources.name_filter import NameFilter

KINDS_OF_SPLITS = {
    "train": frozenset({"train", "training", "trainset", "train_set", "training_set", "trainval"}),
    "test": frozenset({"test", "testing", "testset", "test_set", "holdout", "hold_out"}),
    "validation": frozenset({"val", "valid", "validation", "dev", "eval", "evaluation", "val_set", "validation_set"}),
}
KIND_OF = {name: kind for kind, names in KINDS_OF_SPLITS.items() for name in names}
"""What each name of a part means, in lower case."""
WORD = re.compile(
    "(?<![a-zA-Z])(?i:train|training|trainval|test|testing|holdout|val|valid|validation|dev|eval)(?=[^a-zA-Z]|[A-Z]?$)"
)
"""The word of a part inside a name such as `train2017`, `seg_test`, `DIV2K_valid_HR` or `trainA`."""
Path = tuple[str, ...]
"""The names of the folders from the top to one directory."""


def arrange_folders(
    listing: Listing, split: str | None, where: str, names: NameFilter | None = None
) -> tuple[Listing, Annotations, list[str]]:
    """Choose the split, and make classes of the sub-folders.

    A chain of single folders at the top is skipped. The folders at the next level are splits, in upper or lower case
    (`train`, `Training`, `test`, `val` ...), if all of them have such names, or if one for training and one for tests
    are among them. Names that hold such a word (`train2017`, `seg_test`) count if all differ in that word alone. Then
    one is opened: `split`, else the one for training; without one, all are, and they are no classes. If every picture
    is in one of at least two folders below, the folder is its class. Names of pictures keep their whole path.

    where: the source, for messages.
    names: which pictures are taken by their names; all by default.
    Returns the listing of the chosen pictures, their labels, and notes. Raises `DataError` if there is no such split.
    """
    paths: list[Path] = [tuple(part for part in name.split("/") if part) for name in listing.directories]
    chosen, skipped, notes = _choose_split(listing, paths, split, where)
    if chosen is not None:
        listing = listing.select(np.flatnonzero(np.isin(listing.directory_ids, chosen)))
    listing = listing.without_repeats()
    if names:
        listing, left_out = names.apply(listing, where)
        notes += left_out
    notes += mask_notes(listing)
    found = _labels_from_folders(listing, paths, skipped)
    return listing, found, notes + _notes_on_parts(listing, paths, found.class_names)


def top_folders(listing: Listing) -> set[str]:
    """The names of the folders at the first level that has several, below a chain of single folders."""
    paths: list[Path] = [tuple(part for part in name.split("/") if part) for name in listing.directories]
    depth = _common_depth([paths[number] for number in np.unique(listing.directory_ids)])
    return {path[depth] for path in paths if len(path) > depth}


def _choose_split(
    listing: Listing, paths: list[Path], split: str | None, where: str
) -> tuple[list[int] | None, int, list[str]]:
    """The directories of the split, None for all; how many levels of folders are no classes; and notes."""
    used = np.unique(listing.directory_ids)
    depth = _common_depth([paths[number] for number in used])
    tops = sorted({paths[number][depth] for number in used if len(paths[number]) > depth})
    all_below = all(len(paths[number]) > depth for number in used)
    has_splits = all_below and _are_splits(tops)
    if split is None and not has_splits:
        beside = not all_below and len(tops) > 1 and _are_splits(tops)
        return None, 0, [_parts_beside(tops, listing)] if beside else []
    wanted = _find_split(tops, "train" if split is None else split)
    if wanted is None and split is None:
        count = len(listing)
        return (
            None,
            depth + 1,
            [
                f"The folders {', '.join(tops)} are parts, and no classes: all {count:,} pictures were opened; --split "
                "takes one part."
            ],
        )
    if wanted is None:
        last = paths[used[0]][depth - 1] if depth else ""
        if _find_split([last], str(split)) is not None:
            return None, 0, []
        found = ", ".join(tops[:10]) or "no sub-folders"
        raise DataError(f"{where} has no part {split!r}: it holds {found}.")
    chosen = [int(number) for number in used if len(paths[number]) > depth and paths[number][depth] == wanted]
    count = int(np.isin(listing.directory_ids, chosen).sum())
    if split is not None or count == len(listing):
        return chosen, 0, []
    others = ", ".join(top for top in tops if top != wanted)
    return chosen, 0, [f"The part {wanted!r} was opened ({count:,} pictures); --split takes another ({others})."]


def _parts_beside(tops: list[str], listing: Listing) -> str:
    return (
        f"The folders {', '.join(tops)} are parts, and other pictures lie beside them: all {len(listing):,} pictures "
        "were opened; split= takes one part."
    )


def _kinds_of(tops: list[str]) -> dict[str, str]:
    """What part each folder is; folders that are no part are left out.

    A word inside a name counts if all names differ in that word alone, or besides in one letter for the domain
    (`trainA`, `testB`). `train_station`, and `train_good` beside `test_good` and `test_bad`, are no parts.
    """
    kinds = {top: KIND_OF[top.lower()] for top in tops if top.lower() in KIND_OF}
    by_rest: dict[str, dict[str, str]] = {}
    for top in tops:
        word = WORD.search(top)
        if word and top not in kinds:
            rest = f"{top[: word.start()]}*{top[word.end() :]}".lower()
            by_rest.setdefault(rest, {})[top] = KIND_OF[word[0].lower()]
    several = {rest: alike for rest, alike in by_rest.items() if len(set(alike.values())) > 1}
    of_domains = all(len(rest.strip("*_-")) == 1 for rest in several)
    others = [top.lower() for top in tops if top not in kinds]
    if all(any(fnmatchcase(top, rest) for rest in several) for top in others) and (len(several) == 1 or of_domains):
        for alike in several.values():
            kinds |= alike
    return kinds


def _are_splits(tops: list[str]) -> bool:
    """Whether folders are parts of a set: all have names of parts, or there is one for training and one for tests."""
    kinds = _kinds_of(tops)
    return bool(tops) and (len(kinds) == len(tops) or ("train" in kinds.values() and len({*kinds.values()}) > 1))


def _find_split(tops: list[str], wanted: str) -> str | None:
    """The folder of a part: of that very name, else in another case, else of another name for the same part."""
    kind, kinds = KIND_OF.get(wanted.lower()), _kinds_of(tops)
    return next(
        (top for top in tops if top == wanted),
        next(
            (top for top in tops if top.lower() == wanted.lower()),
            next((top for top in tops if kind is not None and kinds.get(top) == kind), None),
        ),
    )


def _notes_on_parts(listing: Listing, paths: list[Path], class_names: tuple[str, ...] | None) -> list[str]:
    """A note on names of parts that are classes, or that divide each class and were all opened."""
    if class_names is None:
        return []
    parts = [name for name in class_names if name.lower() in KIND_OF]
    if parts:
        others = ", ".join([name for name in class_names if name not in parts][:3])
        return [
            f"The folder {parts[0]!r} was taken as a class, since it stands beside {others}. If it is a part of the "
            f"set, choose it by split={parts[0]!r}, or leave it out by --exclude '{parts[0]}/*' (exclude=)."
        ]
    below = sorted({paths[number][-1] for number in np.unique(listing.directory_ids)})
    if len(below) < 2 or len(_kinds_of(below)) < len(below):
        return []
    return [
        f"The folders {', '.join(below)} inside those of the classes are parts, and the pictures of all were opened: "
        f"--only '*/{below[0]}/*' (only=) takes one part."
    ]


def _labels_from_folders(listing: Listing, paths: list[Path], skipped: int) -> Annotations:
    """The folder of each picture as its class, below at least `skipped` levels."""
    used = np.unique(listing.directory_ids)
    if len(used) == 0 or any(len(paths[number]) < skipped for number in used):
        return Annotations()
    depth = skipped + _common_depth([paths[number][skipped:] for number in used])
    if any(len(paths[number]) <= depth for number in used):
        return Annotations()
    class_names = tuple(sorted({clean_class(paths[number][depth]) for number in used}))
    if len(class_names) < 2:
        return Annotations()
    number_of = {name: number for number, name in enumerate(class_names)}
    class_of_directory = np.zeros(len(paths), np.int64)
    for number in used:
        class_of_directory[number] = number_of[clean_class(paths[number][depth])]
    return Annotations(class_of_directory[listing.directory_ids], class_names)


def _common_depth(paths: list[Path]) -> int:
    """How many folders all paths begin with."""
    levels = zip(*paths, strict=False)
    return next((depth for depth, level in enumerate(levels) if len(set(level)) > 1), min(map(len, paths), default=0))
