"""Where crops go, and the pictures that they are cut from: checked before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, RunError, UserError
from imagewright.images import Images, open_images
from imagewright.images.single import as_source
from imagewright.output.writing import PICTURES, refuse_existing
from imagewright.verbs.translation_inputs import several_sources


def check_folder(folder: Path) -> Path:
    """The folder, with a name that its sheet and its table can have. Raises `UserError` for the name of a picture."""
    folder = place_of_results(folder)
    if folder.suffix.lower() in PICTURES and not folder.is_dir():
        raise UserError(
            f"{folder} is the name of a picture, and each face becomes a file: name a folder by --out (out=)."
        )
    return folder


def place_of_results(path: Path) -> Path:
    """The path with a name, which other files beside it can have too: of ".", that of the folder.

    Raises `RunError` for the root of the file system.
    """
    named = path.resolve() if path.name in {"", ".."} else path
    if not named.name:
        raise RunError(f"There is no place beside {named} for other files: name a folder in it by --out (out=).")
    return named


def refuse_places(folder: Path, beside: Sequence[Path], source: Any, *, force: bool) -> None:
    """Refuse files that exist beside the folder, a folder with other files, and one inside the source."""
    refuse_existing(beside, force=force)
    for each in source if isinstance(source, list | tuple) else [source]:
        if isinstance(each, str | Path) and folder.resolve().is_relative_to(Path(each).expanduser().resolve()):
            raise RunError(f"{folder} is in {each}, whose pictures are read: give another folder by --out (out=).")
    if folder.is_dir() and not force:
        there = next(iter(sorted(folder.iterdir())), None)
        if there is not None:
            raise RunError(
                f"{folder} holds other files, such as {there.name}, which a training would read too: give a "
                "new or empty folder, or --force to write beside them (force=True)."
            )


def open_parts(source: Any, count: int | None = None, split: str | None = None) -> list[Images]:
    """The sources, and of all their pictures `count`."""
    if count is not None and count < 1:
        raise ConfigError(f"count={count}, but there must be one picture at least.")
    parts = [
        each if isinstance(each, Images) else open_images(as_source(each, 3), split=split)
        for each in several_sources(source)
    ]
    total = sum(map(len, parts))
    if count is None or count >= total:
        return parts
    chosen = np.linspace(0, total - 1, count).round().astype(np.int64)
    kept, start = [], 0
    for part in parts:
        inside = chosen[(chosen >= start) & (chosen < start + len(part))] - start
        kept += [part.subset(inside)] if len(inside) else []
        start += len(part)
    return kept
