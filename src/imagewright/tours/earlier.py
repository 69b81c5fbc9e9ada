"""The tour that a folder holds already: whether that of a call may begin there, or go on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.analysis.outliers.moving import is_within
from imagewright.errors import RunError
from imagewright.tours.pictures import TourPictures
from imagewright.tours.record import RECORD, TourRecord, plain_options


def is_same_source(source: Any, other: Any) -> bool:
    """Whether two sources are one: the same object, name, or path of the disk."""
    if source is other:
        return True
    if not (isinstance(source, str | Path) and isinstance(other, str | Path)):
        return False
    paths = [Path(each).expanduser() for each in (source, other)]
    return str(source) == str(other) or (all(path.exists() for path in paths) and paths[0].samefile(paths[1]))


def check_folder(folder: Path, source: Any, other: Any) -> None:
    """Raise `RunError` for a folder that cannot hold the tour."""
    for each in (source, other):
        if isinstance(each, str | Path) and Path(each).expanduser().is_dir() and is_within(folder, each):
            raise RunError(
                f"{folder} lies in the source {each}: its figures would be taken for pictures of the set next time. "
                "Choose a folder outside with --out."
            )
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file, and a tour is a folder: name another with --out.")
    if folder.is_dir() and not (folder / RECORD).exists() and any(folder.iterdir()):
        raise RunError(f"{folder} holds something else than a tour: name another folder with --out.")


def check_options(
    earlier: TourRecord, folder: Path, source: Any, other: Any, minutes: float, seed: int, opening: dict[str, Any]
) -> None:
    """Raise `RunError` for options that differ from those with which the tour began.

    If the sources have other names too, the message is that of another set, since a tour of it is what was asked for.
    """
    given = {"minutes": minutes, "seed": seed, **plain_options(opening)}
    began = {"minutes": earlier.minutes, "seed": earlier.seed, **earlier.opening}
    differing = [name for name in given.keys() | began.keys() if given.get(name) != began.get(name)]
    if differing and not _has_its_sources(earlier, source, other):
        raise _of_another_set(earlier, folder)
    if differing:
        raise RunError(
            f"The tour in {folder} began with other options ({', '.join(sorted(differing))}). Go on with it: "
            f"`{earlier.command(folder)}`. Or name another folder with --out."
        )


def check_pictures(earlier: TourRecord, folder: Path, source: Any, other: Any, pictures: TourPictures) -> None:
    """Raise `RunError` unless the pictures are those with which the tour began; a set may have been moved since."""
    if earlier.fingerprint == fingerprint_of(pictures):
        return
    if not _has_its_sources(earlier, source, other):
        raise _of_another_set(earlier, folder)
    raise RunError(
        f"{earlier.source} has changed since the tour in {folder} began: it had {earlier.pictures:,} pictures then, "
        f"and {len(pictures.own):,} now. Put it back as it was to go on, or begin anew in another folder with --out."
    )


def fingerprint_of(pictures: TourPictures) -> str:
    """The fingerprint of the pictures of a tour, at their own size."""
    second = "" if pictures.second is None else pictures.second.fingerprint
    return pictures.own.fingerprint + second


def _has_its_sources(earlier: TourRecord, source: Any, other: Any) -> bool:
    """Whether the sources are those of the tour by their names; arrays have none, and count as the same."""
    given, began = (source, other), (earlier.source, earlier.other)
    if any((one is None) != (two is None) for one, two in zip(given, began, strict=True)):
        return False
    return all(
        two is None or not isinstance(one, str | Path) or is_same_source(one, two)
        for one, two in zip(given, began, strict=True)
    )


def _of_another_set(earlier: TourRecord, folder: Path) -> RunError:
    named = earlier.source if earlier.other is None else f"{earlier.source} and {earlier.other}"
    return RunError(
        f"{folder} holds a tour of another set, {named}. Name another folder for this one with --out, or go on with "
        f"that one: `{earlier.command(folder)}`."
    )
