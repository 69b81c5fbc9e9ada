"""`RUN@400k`: a run at one of its checkpoints, in one word, wherever a run is named."""

from __future__ import annotations

import os
from pathlib import Path

from imagewright.counts import parse_count, precision_of
from imagewright.errors import RunError
from imagewright.runs.places import RECORD
from imagewright.runs.run import Run
from imagewright.runs.weights import Checkpoint, list_checkpoints

MARK, LATEST = "@", "latest"
SHOWN = 12  # checkpoints in a sentence


def split_point(name: str | Path) -> tuple[Path, str | None]:
    """The run and the point of `RUN@POINT`; the path as it is, and None, for every other name.

    A path that exists is never split, so that folders may have an @ in their names; nor is one without a run before
    the @.
    """
    typed = os.fspath(name)
    before, mark, point = typed.rpartition(MARK)
    if not mark or not before or "/" in point or os.sep in point or Path(typed).exists():
        return Path(typed), None
    return (Path(before), point) if (Path(before) / RECORD).exists() else (Path(typed), None)


def names_point(name: object) -> bool:
    """Whether a name is `RUN@POINT` of a run that exists."""
    return isinstance(name, str | Path) and split_point(name)[1] is not None


def resolve_point(name: str | Path, images_seen: int | None = None) -> tuple[Path, int | None]:
    """The path of a run, and the images seen at the checkpoint that `RUN@POINT` names.

    name: `RUN@400k`, `RUN@400000`, `RUN@latest`, or any other path, which is returned as it is.
    images_seen: the checkpoint that was named beside it; returned for a path without a point.

    A count with a suffix stands for the one checkpoint that it is the rounded number of: `RUN@38k` for 38,464; all
    others are exact. Raises `RunError`, with the checkpoints that are kept, if there is none.
    """
    path, point = split_point(name)
    if point is None:
        return path, images_seen
    if images_seen is not None:
        raise RunError(f"{name} names a checkpoint, and so does --at {images_seen} (images_seen=): give one of them.")
    run = Run(path)
    if point == LATEST:
        return path, run.latest()[0].images_seen
    return path, _find(path, point, list_checkpoints(path))


def point_name(path: Path, images_seen: int) -> str:
    """A run at a checkpoint in one word, from which `resolve_point` finds it again."""
    return f"{path}{MARK}{images_seen}"


def _find(path: Path, point: str, kept: list[Checkpoint]) -> int:
    try:
        wanted = parse_count(point)
    except ValueError:
        raise RunError(
            f"{path}{MARK}{point}: {point!r} is no number of images seen. Expected a checkpoint such as "
            f"{path}{MARK}{kept[-1].images_seen if kept else '400k'}, or {path}{MARK}{LATEST}. {_kept(path, kept)}"
        ) from None
    seen = [each.images_seen for each in kept]
    room = precision_of(point) / 2 if not point[-1].isdigit() else 0
    near = [wanted] if wanted in seen else [each for each in seen if abs(each - wanted) <= room]
    if len(near) == 1:
        return near[0]
    if near:
        raise RunError(f"{path}{MARK}{point} may be {' or '.join(f'{MARK}{each}' for each in near)}: name one of them.")
    raise RunError(f"{path} has no checkpoint at {wanted:,} images seen. {_kept(path, kept)}")


def _kept(path: Path, kept: list[Checkpoint]) -> str:
    """What may be named: all checkpoints, or of many the first and the last ones."""
    names = [f"{MARK}{each.images_seen}" for each in kept]
    if not names:
        return f"{path} keeps none."
    if len(names) > SHOWN:
        names = [*names[: SHOWN // 2], "...", *names[-SHOWN // 2 :]]
    return f"It keeps {', '.join(names)} (--keep-checkpoints N keeps more)."
