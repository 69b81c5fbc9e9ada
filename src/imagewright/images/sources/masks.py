"""Masks and other maps that lie beside pictures under their names, which a note tells: they are not to be learned."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from os.path import splitext

from imagewright.images.sources.listing import Listing

LOOKED_AT = 4000
LEAST, LEAST_SHARE = 2, 0.02
"""A note is made of so many masks, if they are at least this share of the pictures looked at."""
_WORDS = "masks?|segmentations?|seg|segm|labels?|labelids|gt|groundtruth|ground_truth|annotations?|matte|trimaps?|depth"
_END = re.compile(rf"[_\-. ]?({_WORDS})$", re.IGNORECASE)
_START = re.compile(rf"^({_WORDS})[_\-. ]", re.IGNORECASE)
_FOLDER = re.compile(rf"(^|[_\-. ])({_WORDS})$", re.IGNORECASE)
_MASKS = (".png", ".gif", ".bmp", ".pgm", ".pbm", ".tif", ".tiff")  # in which masks are saved, the commonest first


def mask_notes(listing: Listing) -> list[str]:
    """Notes on pictures that seem to be masks of others, by the names of the first pictures of a listing."""
    count = min(len(listing), LOOKED_AT)
    folders: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for index in range(count):
        directory, _, base = listing.name(index).rpartition("/")
        stem, suffix = splitext(base)
        folders[directory][stem].add(suffix)
    least = max(LEAST, LEAST_SHARE * count)
    notes = [*_same_stems(folders, least), *_marked_stems(folders, least), *_folders_of_masks(folders, least)]
    return notes[:1]


def _same_stems(folders: dict[str, dict[str, set[str]]], least: float) -> list[str]:
    """Of `7.jpg` and `7.png`."""
    twice = [
        (stem, sorted(suffixes)) for stems in folders.values() for stem, suffixes in stems.items() if len(suffixes) > 1
    ]
    if len(twice) < least:
        return []
    pairs = Counter(tuple(suffixes) for _, suffixes in twice)
    suffixes = pairs.most_common(1)[0][0]
    stem = next(stem for stem, found in twice if tuple(found) == suffixes)
    likely = next((suffix for wanted in _MASKS for suffix in suffixes if suffix.lower() == wanted), suffixes[-1])
    return [
        f"{len(twice):,} pictures have the name of another one but for the suffix ({stem}{suffixes[0]} and "
        f"{stem}{suffixes[1]}), as masks have: --exclude '*{likely}' (exclude=) leaves such files out."
    ]


def _marked_stems(folders: dict[str, dict[str, set[str]]], least: float) -> list[str]:
    """Of `7.jpg` and `7_mask.png`."""
    marks: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for stems in folders.values():
        for stem, suffixes in stems.items():
            for pattern, place in ((_END, "*{}.*"), (_START, "{}*")):
                match = pattern.search(stem)
                if match and pattern.sub("", stem) in stems:
                    wanted = place.format(match[0])
                    marks[wanted] += 1
                    examples.setdefault(wanted, f"{stem}{min(suffixes)}")
    if marks.total() < least:
        return []
    wanted, count = marks.most_common(1)[0]
    return [
        f"{count:,} pictures are named as masks of others are, such as {examples[wanted]}: --exclude '{wanted}' "
        "(exclude=) leaves them out."
    ]


def _folders_of_masks(folders: dict[str, dict[str, set[str]]], least: float) -> list[str]:
    """Of `images/7.jpg` and `masks/7.png`."""
    for folder, stems in folders.items():
        if not _FOLDER.search(folder.rpartition("/")[2]):
            continue
        shared = max((len(stems.keys() & other.keys()) for name, other in folders.items() if name != folder), default=0)
        if shared >= max(least, len(stems) / 2):
            return [
                f"The folder {folder} holds pictures of the same names as another one, as masks have: --exclude "
                f"'{folder}/*' (exclude=) leaves them out."
            ]
    return []
