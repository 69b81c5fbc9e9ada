"""What the folders of a source say of its pictures: plain ones, classes, pairs, or two sets."""

from __future__ import annotations

from pathlib import Path

from imagewright.catalogue_entries import Needs
from imagewright.errors import DataError
from imagewright.images.opening_layers import A_AND_B, find_layer_folders
from imagewright.images.sources.listing import is_picture_name

PAIR = ("input", "target")
COMPARED = 500  # names of the smaller folder that are looked for in the other
FACE_TABLE = "faces.jsonl"  # in a folder of extracted faces


def arrangement_of(source: str | Path, classes: int = 0) -> Needs:
    """What the pictures of a folder are, in the words of `Entry.needs`, by the names of its folders and files.

    Folders input and target hold pairs; A and B, or trainA and trainB, pairs if most of their files have equal names,
    else two sets. Pairs side by side in one file are not told from plain pictures: no picture is opened.

    classes: that the source has; two or more are classes.
    """
    path = Path(source)
    for names in (PAIR, A_AND_B):
        try:
            folders, _ = find_layer_folders(path, names, None, needed=False)
        except (DataError, OSError):
            break
        if folders:
            places = [path / folder for folder in folders.values()]
            return "pairs" if "input" in folders.values() or _have_equal_names(*places) else "two sets"
    return "classes" if classes > 1 else "pictures"


def arrangement_of_two(one: str | Path, other: str | Path) -> Needs:
    """What two folders are: faces of two people, pairs if most of their files have equal names, else two sets."""
    if holds_faces(one) and holds_faces(other):
        return "people"
    return "pairs" if _have_equal_names(Path(one), Path(other)) else "two sets"


def holds_faces(source: str | Path) -> bool:
    """Whether a folder holds the faces that `swap extract` wrote."""
    return (Path(source) / FACE_TABLE).is_file()


def _have_equal_names(one: Path, other: Path) -> bool:
    first, second = sorted((_stems(each) for each in (one, other)), key=len)
    looked = list(first)[:COMPARED]
    return bool(looked) and 2 * sum(stem in second for stem in looked) > len(looked)


def _stems(folder: Path) -> set[str]:
    if not folder.is_dir():  # in an archive
        return set()
    return {entry.stem for entry in folder.iterdir() if is_picture_name(entry.name)}
