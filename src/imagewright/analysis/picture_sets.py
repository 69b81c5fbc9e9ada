"""A new set of pictures from some of another: a folder of hard links, or of copies where there are no files to link."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from imagewright.analysis.outliers.moving import place_file
from imagewright.errors import DataError, RunError, UserError, count_text
from imagewright.files import explain_write_errors, write_whole
from imagewright.images import Images, open_images
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.images.sources.listing import is_picture_name
from imagewright.output.names import visible
from imagewright.output.writing import encode_image
from imagewright.progress import Progress


@dataclass(frozen=True)
class MadeSet:
    """What `make_set` returns.

    folder: of the new set.
    linked: pictures that are links, which take no room.
    copied: pictures that were written.
    left_out: (name, reason) of pictures that could not be read.
    """

    folder: Path
    linked: int
    copied: int
    left_out: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """The result as lines of plain text."""
        what = count_text(self.linked + self.copied, "picture")
        how = f" ({self.linked:,} of them links, which take no room)" if self.linked else ""
        return [f"{self.folder}: {what}{how}", *(f"left out: {name}: {why}" for name, why in self.left_out)]


def make_set(
    source: Any,
    names: Sequence[str],
    folder: str | Path,
    *,
    split: str | None = None,
    progress: Progress | None = None,
) -> MadeSet:
    """Make a folder of some pictures of a source, with their names and the folders of their classes.

    Pictures that are files become hard links where the disk allows it: they take no room, and either name may be
    removed without the other. Members of archives are copied as they are, arrays become PNG files.

    source: as for `open_images`.
    names: of the pictures, as `Images.names` and the tables of other commands have them.
    folder: a new one; it is there only when it is whole.
    split: a part of the source.
    progress: called with (done, total).
    Raises `UserError` for names that the source does not have, `RunError` for a folder that exists or cannot be
    written, `DataError` if no picture can be read.
    """
    target = Path(folder).expanduser()
    if os.path.lexists(target):
        raise RunError(f"{target} exists already: name another folder for the new set.")
    images = open_images(source, split=split)
    chosen = _find(images, names)
    with explain_write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        waiting = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        made = _fill(images, chosen, waiting, target, progress)
        with explain_write_errors(target):
            waiting.chmod(0o755)
            waiting.rename(target)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    return made


def read_names(path: str | Path) -> list[str]:
    """The names in a text file, one a line. Raises `UserError` if it cannot be read or is empty."""
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UserError(f"The list {path} cannot be read: {error.strerror}.") from None
    found = [line for line in content.decode("utf-8", "surrogateescape").splitlines() if line.strip()]
    if not found:
        raise UserError(f"The list {path} is empty: the name of a picture on each line was expected.")
    return found


def _find(images: Images, names: Sequence[str]) -> list[int]:
    """The numbers of the pictures of these names."""
    places = {name: place for place, name in enumerate(images.names())}
    unknown = [name for name in names if name not in places]
    if unknown or not names:
        raise UserError(
            f"{len(unknown):,} of {count_text(len(names), 'name')} are not in {images.source}"
            f"{', such as ' + repr(unknown[0]) if unknown else ''}: names such as {images.name(0)} were expected."
        )
    return sorted({places[name] for name in names})


def _fill(images: Images, chosen: Sequence[int], waiting: Path, target: Path, progress: Progress | None) -> MadeSet:
    root = Path(images.source).expanduser()
    linked, copied, left_out, taken = 0, 0, [], set[PurePosixPath]()
    files = [root / images.name(index) for index in chosen]
    are_files = root.is_dir() and all(file.is_file() for file in files)
    contents = iter(()) if are_files else images.originals(np.array(chosen))
    for done, (index, file) in enumerate(zip(chosen, files, strict=True), 1):
        name = images.name(index)
        content = None if are_files else _content_of(next(contents))
        if isinstance(content, Unreadable):
            left_out.append((name, str(content)))
            continue
        there = waiting / _free_place(name, taken)
        if content is None:
            place_file(file.resolve(), there)
            linked += 1
        else:
            there.parent.mkdir(parents=True, exist_ok=True)
            write_whole(there, content)
            copied += 1
        if progress is not None:
            progress(done, len(chosen))
    if not linked and not copied:
        raise DataError(f"None of the pictures chosen of {images.source} can be read: {left_out[0][1]}.")
    return MadeSet(target, linked, copied, tuple(left_out))


def _content_of(original: object) -> bytes | Unreadable:
    """A picture as a file: encoded bytes as they are, pixels as PNG. Of layers, the last."""
    if isinstance(original, tuple):
        original = original[-1]
    if isinstance(original, np.ndarray):
        pixels = original if original.ndim == 3 else original[..., None]
        return bytes(encode_image(pixels.transpose(2, 0, 1), ".png"))
    assert isinstance(original, bytes | Unreadable)
    return original


def _free_place(name: str, taken: set[PurePosixPath]) -> PurePosixPath:
    """Where a picture is put: its name without parts that lead elsewhere; one that is taken gets a number."""
    parts = [part for part in visible(name).replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    plain = PurePosixPath(*(part.replace(":", "-").lstrip(".") or "_" for part in parts or ["picture"]))
    if not is_picture_name(plain.name):
        plain = plain.with_name(f"{plain.name}.png")
    place, number = plain, 2
    while place in taken:
        place, number = plain.with_name(f"{plain.stem}-{number}{plain.suffix}"), number + 1
    taken.add(place)
    return place
