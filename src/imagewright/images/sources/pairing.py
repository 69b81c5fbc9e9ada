"""Pairing: which pictures of several sources are layers of one picture, by their file names.

Three rules are tried in turn, and the first that pairs any pictures is taken. Accents as letters of their own (as macOS
wrote names) or as parts of letters are the same:

1. The file name without folders and suffix, if no source has a name twice: `edges/7.png` and `photos/7.jpg`.
2. The path inside the source without suffix: `edges/cats/7.png` and `photos/cats/7.jpg`.
3. The file name without what all names of its source begin or end with: `aachen_0_gtFine_labelIds.png` and
   `aachen_0_leftImg8bit.png`, as in the folders of pix2pixHD.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from unicodedata import normalize

import numpy as np

from imagewright.errors import DataError
from imagewright.images.sources.base import PictureSource

EXAMPLES = 3
Keys = dict[str, list[str]]
"""The key of each picture, by layer: pictures with equal keys belong together."""


@dataclass
class Pairing:
    """`indices`: int64 (N,) by layer, row k of each belongs together; `notes`: sentences for the user."""

    indices: dict[str, np.ndarray]
    notes: list[str]


def pair_by_name(sources: Mapping[str, PictureSource]) -> Pairing:
    """Pair the pictures of the sources, in the order of the first; pictures without partners are left out, and noted.

    Raises `DataError` with a name from each source if no picture has a partner in all the others.
    """
    names = {layer: [source.name(index) for index in range(len(source))] for layer, source in sources.items()}
    forms = {layer: [normalize("NFC", name) for name in found] for layer, found in names.items()}
    if any(len(set(forms[layer])) < len(set(found)) for layer, found in names.items()):
        forms = names  # names that differ in the form of their letters alone stay apart
    for rule in (_stems, _paths, _bare_stems):
        keys = rule(forms)
        if any(len(set(each)) < len(each) for each in keys.values()):
            continue
        shared = set.intersection(*(set(each) for each in keys.values()))
        if shared:
            notes = _notes_on_ends(names) if rule is _bare_stems else []
            return Pairing(_indices(keys, shared), notes + _notes_on_partners(names, keys, shared))
    examples = "; ".join(f"{layer}: {found[0]}" for layer, found in names.items())
    raise DataError(
        "No picture of one layer has a partner of the same name in the other layers. Names found: "
        f"{examples}. Files that belong together need the same name, whatever their suffix."
    )


def check_most_are_paired(sources: Mapping[str, PictureSource], pairing: Pairing) -> None:
    """Raise `DataError` if most pictures of every source have no partner, as in folders that share names by chance.

    A source with fewer pictures than another, most of which have partners, is a part of it.
    """
    paired = len(next(iter(pairing.indices.values())))
    counts = {layer: len(source) for layer, source in sources.items()}
    if 2 * paired < min(counts.values()):
        of_each = " and ".join(f"{paired:,} of the {count:,} of {layer}" for layer, count in counts.items())
        raise DataError(
            f"Most pictures have no partner: {of_each} belong together by their names, so that these are hardly pairs. "
            "Give folders whose pictures have equal names, or remove the pictures without a partner."
        )


def _stems(names: Keys) -> Keys:
    return _map(names, lambda name: PurePosixPath(name).stem)


def _paths(names: Keys) -> Keys:
    return _map(names, lambda name: os.path.splitext(name)[0])


def _bare_stems(names: Keys) -> Keys:
    return {
        layer: [stem[len(start) : len(stem) - len(end)] for stem in stems]
        for (layer, stems), (start, end) in zip(_stems(names).items(), _common_ends(names).values(), strict=True)
    }


def _common_ends(names: Keys) -> dict[str, tuple[str, str]]:
    """What all names of a layer begin and end with, without digits, since these may number the pictures."""
    ends = {}
    for layer, stems in _stems(names).items():
        start = _common_start(stems).rstrip("0123456789")
        end = _common_start([stem[len(start) :][::-1] for stem in stems])[::-1].lstrip("0123456789")
        ends[layer] = (start, end)
    return ends


def _common_start(texts: list[str]) -> str:
    """What all of several texts begin with; nothing of a single text."""
    first, last = min(texts), max(texts)
    length = next((at for at, letter in enumerate(first) if last[at] != letter), len(first))
    return first[:length] if len(texts) > 1 else ""


def _map(names: Keys, change: Callable[[str], str]) -> Keys:
    return {layer: [change(name) for name in found] for layer, found in names.items()}


def _indices(keys: Keys, shared: set[str]) -> dict[str, np.ndarray]:
    order = [key for key in next(iter(keys.values())) if key in shared]
    indices = {}
    for layer, found in keys.items():
        place_of = {key: place for place, key in enumerate(found)}
        indices[layer] = np.array([place_of[key] for key in order], np.int64)
    return indices


def _notes_on_partners(names: Keys, keys: Keys, shared: set[str]) -> list[str]:
    notes = []
    for layer, found in names.items():
        alone = [name for name, key in zip(found, keys[layer], strict=True) if key not in shared]
        if alone:
            more = ", ..." if len(alone) > EXAMPLES else ""
            notes.append(
                f"Pictures of {layer} without a partner in the other layers, left out: {len(alone):,} of "
                f"{len(found):,} ({', '.join(alone[:EXAMPLES])}{more})."
            )
    return notes


def _notes_on_ends(names: Keys) -> list[str]:
    left_out = [
        f"{layer} without {' and '.join(map(repr, filter(None, ends)))}"
        for layer, ends in _common_ends(names).items()
        if any(ends)
    ]
    return [f"Pictures were paired by parts of their names: {'; '.join(left_out)}."]
