"""`make_shapes`: the built-in set `shapes` as files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagewright.errors import ConfigError, RunError, count_text, nearest_name
from imagewright.files import written_together
from imagewright.images.shapes.factors import FACTORS
from imagewright.images.shapes.source import COUNT, SIDE, VIEWS, ShapesSource
from imagewright.output.sheets import Sheet
from imagewright.output.tables import write_table
from imagewright.output.writing import refuse_existing, write_image
from imagewright.progress import Progress, ProgressCounter
from imagewright.shape_files.clip import CLIP, write_clip
from imagewright.shape_files.people import PEOPLE, write_people

TABLE = "labels.csv"
SHOWN = 24
KINDS = (*VIEWS, CLIP, PEOPLE)
DIGITS = {"hue": 2, "size": 5, "x": 5, "y": 5, "turn": 3, "background": 5, "texture": 0}
HOW_TO_GO_ON = {
    "outlines": "imagewright train pix2pix {out} SPRITES",
    "pairs": "imagewright train pix2pix {out}",
    "label-pairs": "imagewright train pix2pix {out}",
    PEOPLE: "imagewright train swap {out}/anna {out}/bert --consent 'Anna and Bert; drawn, no real people'",
    CLIP: "imagewright translate RUN {out} --out translated.mp4",
}


@dataclass(frozen=True)
class MadeShapes:
    """What `make_shapes` wrote.

    out: the folder, or the clip.
    kind: of `KINDS`.
    count: pictures, frames or faces.
    written: what there is besides the pictures: tables and sheets.
    """

    out: Path
    kind: str
    count: int
    written: tuple[Path, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """What was written, and how to go on."""
        what = {CLIP: "frame", PEOPLE: "face"}.get(self.kind, "picture")
        beside = f"; {', '.join(map(str, self.written))}" if self.written else ""
        how = HOW_TO_GO_ON.get(self.kind, "imagewright train vae {out}").format(out=shlex.quote(str(self.out)))
        return [f"{self.out}: {count_text(self.count, what)}{beside}", f"go on: {how}"]


def make_shapes(
    out: str | Path,
    kind: str = "sprites",
    *,
    count: int | None = None,
    size: int = SIDE,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> MadeShapes:
    """Write sprites of known factors as files: the pictures that the source `shapes` draws.

    out: a new or empty folder; for a clip a file: .mp4, .webp or .gif.
    kind: "sprites"; "plain", "striped" or "dotted" for one texture; "outlines", or "labels" for label maps, of the same
        sprites under the same names; "pairs" or "label-pairs" for outlines or label maps beside their sprites; "clip"
        for one sprite that moves and turns; "people" for the faces of two drawn people as `swap extract` would cut them
        out, in the folders anna and bert.
    count: pictures (2,000 by default), frames (96), or faces of each person (300). Picture k of a seed is the same
        whatever the count.
    size: side in pixels.
    seed: of the factors.
    force: replace files that exist.
    progress: called with (done, total).

    The class, the 0/1 attributes and the factors of each picture, or frame, are in `labels.csv` (of a clip in
    `CLIP.csv`); `open_images` reads it. A sheet of some pictures is `OUT.png`. Pictures that are done stay if the work
    is interrupted.

    Raises `ConfigError` for another kind, or numbers out of range, `RunError` if files exist already.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind={kind!r}: expected {', '.join(KINDS)}.{nearest_name(kind, KINDS)}")
    path = Path(out)
    if kind == CLIP:
        frames, table = write_clip(path, 96 if count is None else count, size, seed, force=force, progress=progress)
        return MadeShapes(path, kind, frames, (table,))
    _refuse_full_folder(path, force=force)
    sheet = _sheet_beside(path)
    refuse_existing([sheet], force=force)
    if kind == PEOPLE:
        faces = write_people(path, sheet, 300 if count is None else count, size, seed, force=force, progress=progress)
        return MadeShapes(path, kind, faces, (sheet,))
    source = ShapesSource(str(path), kind, COUNT if count is None else count, size, seed)
    return _write_pictures(source, path, sheet, kind, ProgressCounter(len(source), progress), force=force)


def _refuse_full_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder with files in it, which would be read as pictures of the set, too."""
    if folder.is_file():
        raise RunError(f"{folder} is a file, and a folder is written: give another name.")
    inside = next(folder.iterdir(), None) if folder.is_dir() and not force else None
    if inside is not None:
        raise RunError(
            f"{folder} holds files already, such as {inside.name}: give a new or empty folder, or replace files of the "
            "same names with --force (force=True)."
        )


def _sheet_beside(folder: Path) -> Path:
    """The path of the sheet: that of the folder with .png. The present folder has the name that its parent gives it."""
    named = folder if folder.name not in ("", "..") else Path(os.path.abspath(folder))
    if not named.name:
        raise RunError(f"{folder} has no name, by which the sheet beside it is called: give a folder in it.")
    return named.with_name(f"{named.name}.png")


def _write_pictures(
    source: ShapesSource, folder: Path, sheet: Path, kind: str, counter: ProgressCounter, *, force: bool
) -> MadeShapes:
    table = folder / TABLE
    written = 0
    shown: list[np.ndarray] = []
    try:
        for number, pixels in enumerate(source.read(np.arange(len(source)))):
            assert isinstance(pixels, np.ndarray)
            write_image(pixels.transpose(2, 0, 1), folder / f"{source.name(number)}.png", force=force)
            written += 1
            if number < SHOWN:
                shown.append(pixels.transpose(2, 0, 1))
            counter.advance()
        with written_together():
            write_table(table, *table_of(source), force=force)
            title = f"shapes: {kind}, {count_text(len(source), 'picture')} of {source.side} pixels, seed {source.seed}"
            Sheet(_visible(np.stack(shown), kind), title=title, columns=8).write(sheet, force=force)
    except BaseException as error:  # Ctrl-C, or a full disk: finished pictures stay
        error.add_note(f"{written:,} of {len(source):,} pictures are written in {folder}.")
        raise
    return MadeShapes(folder, kind, written, (table, sheet))


def _visible(pixels: np.ndarray, kind: str) -> np.ndarray:
    """Label maps with a grey level a class, which the eye can tell apart."""
    return pixels * np.uint8(255 // max(1, int(pixels.max()))) if kind == "labels" else pixels


def table_of(source: ShapesSource) -> tuple[list[str], Iterator[list[object]]]:
    """The header, and a row for each sprite: file, class, attributes and factors, as `open_images` reads them."""
    known = source.annotations
    assert known.labels is not None
    assert known.attributes is not None
    assert known.factors is not None
    labels, attributes, factors = known.labels, known.attributes, known.factors
    names, columns = known.class_names or (), known.attribute_names or ()
    header = ["file", "class", *columns, *FACTORS]

    def rows() -> Iterator[list[object]]:
        for number in range(len(source)):
            values = (f"{value:.{DIGITS[name]}f}" for name, value in zip(FACTORS, factors[number], strict=True))
            flags = (int(value) for value in attributes[number])
            yield [f"{source.name(number)}.png", names[labels[number]], *flags, *values]

    return header, rows()
