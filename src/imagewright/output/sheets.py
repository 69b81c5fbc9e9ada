"""`Sheet`: labelled pictures with a title and a provenance record, to be shown, or written in any format.

Commands, web pages and notebooks show the same sheets: functions called `..._sheet`, each beside its tool, build them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from imagewright.errors import UserError, count_text
from imagewright.files import written_together
from imagewright.output.grids import PAPER, draw_grid
from imagewright.output.provenance import Record
from imagewright.output.writing import (
    ANIMATIONS,
    ARRAYS,
    PICTURES,
    check_suffix,
    refuse_existing,
    to_png,
    write_animation,
    write_image,
    write_images_folder,
    write_npz,
)
from imagewright.reprs import WRITES, names_text, pictures_text, short_repr

if TYPE_CHECKING:
    from imagewright.output.grids import ImageArray

Format = Literal["picture", "animation", "arrays", "folder"]
BETWEEN = 12  # pixels between two sheets of a stack


@dataclass(frozen=True, eq=False)
class Results:
    """The images that a verb made, without inputs, repeats and labels: what a folder and an .npz file hold.

    images: uint8 (N, C, H, W).
    record: the provenance record of these images. It may differ from the sheet's, which shows real pictures as well.
    names: of the files in a folder, one an image; their numbers by default.
    """

    images: ImageArray
    record: Record | None = None
    names: Sequence[str] | None = None


@dataclass(frozen=True, eq=False)
class Sheet:
    """Labelled images in reading order. `draw()` makes a picture of it, `write(path)` a file; notebooks display it.

        iw.Sheet(images, columns=4, title="Four a row").write("sheet.png")

    images: uint8 (N, C, H, W), C 1, 3 or 4, as a tensor or an array.
    columns: follows from the labels; without labels the sheet is about square.
    row_labels: one a row.
    column_labels: one a column.
    captions: one under each image.
    title: above the images.
    scale: each pixel becomes `scale` x `scale` pixels; by default images grow to about 112 pixels.
    record: the provenance record that is written into the file (`imagewright.runs.provenance.run_record`).
    results: what a folder, an .npz file or an animation holds; by default the images of the sheet.
    frames_per_second: of an animation; None if .webp takes a picture, and .gif and .mp4 are refused.
    name: of this sheet among several.
    notes: sentences for the user, such as that a picture was resized.
    """

    images: ImageArray
    columns: int | None = field(default=None, kw_only=True)
    row_labels: Sequence[str] | None = field(default=None, kw_only=True)
    column_labels: Sequence[str] | None = field(default=None, kw_only=True)
    captions: Sequence[str] | None = field(default=None, kw_only=True)
    title: str | None = field(default=None, kw_only=True)
    scale: int | None = field(default=None, kw_only=True)
    record: Record | None = field(default=None, kw_only=True)
    results: Results | None = field(default=None, kw_only=True)
    frames_per_second: float | None = field(default=None, kw_only=True)
    name: str = field(default="sheet", kw_only=True)
    notes: Sequence[str] = field(default=(), kw_only=True)

    def __repr__(self) -> str:
        what = f"{self.title}: " if self.title else ""
        return short_repr(self, f"{what}{pictures_text(self.images)}", "iw.show(sheet) shows it", WRITES)

    def draw(self) -> Image.Image:
        """The sheet as a picture of mode "L" for grey images, else "RGB". Raises `UserError` if labels do not fit."""
        return draw_grid(
            self.images,
            self.columns,
            row_labels=self.row_labels,
            column_labels=self.column_labels,
            captions=self.captions,
            title=self.title,
            scale=self.scale,
        )

    def frames(self) -> ImageArray | Sequence[Image.Image]:
        """The frames of an animation: the results in their order."""
        return self._results().images

    def write(self, path: str | Path, *, force: bool = False) -> list[Path]:
        """Write the sheet in the format that the name of `path` says, with its record. Returns the paths written.

        path: .png, .jpg, .webp or .tif for the labelled sheet; .npz for the results as one array `images`; .webp,
            .gif or .mp4 for an animation, if this sheet has one; a name without a suffix for a folder with one PNG
            file a result.
        force: replace files that exist.
        Raises `UserError` for another suffix, `RunError` if a file exists or cannot be written.
        """
        kind = format_of(path, animated=self.frames_per_second is not None)
        results = self._results()
        if kind == "folder":
            return write_images_folder(results.images, path, results.record, names=results.names, force=force)
        if kind == "arrays":
            return [write_npz({"images": results.images}, path, results.record, force=force)]
        if kind == "animation":
            assert self.frames_per_second is not None
            rate = self.frames_per_second
            frames, record = self.frames(), results.record
            return [write_animation(frames, path, record, frames_per_second=rate, scale=self.scale, force=force)]
        return [write_image(self.draw(), path, self.record, force=force)]

    def _results(self) -> Results:
        return Results(self.images, self.record) if self.results is None else self.results

    def _repr_png_(self) -> bytes:
        """What Jupyter shows for a cell that ends in a sheet."""
        return to_png(self.draw())


@dataclass(frozen=True, eq=False)
class SheetStack:
    """Several sheets that belong together, one under the other in a picture."""

    sheets: Sequence[Sheet]
    record: Record | None = None

    def __repr__(self) -> str:
        names = names_text([sheet.name for sheet in self.sheets])
        return short_repr(
            self, f"{count_text(len(self.sheets), 'sheet')} ({names})", "iw.show(sheets) shows them", WRITES
        )

    def draw(self) -> Image.Image:
        """All sheets as one picture."""
        return stack_sheets(self.sheets)

    @written_together()
    def write(self, path: str | Path, *, force: bool = False) -> list[Path]:
        """Write one picture, an .npz file with an array for each sheet, or a folder with a PNG file for each.

        Arrays and files have the sheets' names. Raises as `Sheet.write` does. Returns the paths written.
        """
        kind = format_of(path)
        if kind == "arrays":
            return [write_npz({sheet.name: sheet.images for sheet in self.sheets}, path, self.record, force=force)]
        if kind == "picture":
            return [write_image(self.draw(), path, self.record, force=force)]
        paths = [Path(path) / f"{sheet.name}.png" for sheet in self.sheets]
        refuse_existing(paths, force=force)
        for each, sheet in zip(paths, self.sheets, strict=True):
            write_image(sheet.draw(), each, self.record, force=force)
        return paths

    def _repr_png_(self) -> bytes:
        return to_png(self.draw())


def format_of(path: str | Path, *, animated: bool = False) -> Format:
    """What a sheet written to `path` becomes: a folder if there is one or `path` has no suffix, else by the suffix.

    animated: whether .webp, .gif and .mp4 take an animation.
    Raises `UserError` for a suffix of no format, with the nearest.
    """
    path = Path(path)
    if path.is_dir() or not path.suffix:
        return "folder"
    suffix = check_suffix(path, list(dict.fromkeys([*PICTURES, *ARRAYS, *(ANIMATIONS if animated else ())])))
    if animated and suffix in ANIMATIONS:
        return "animation"
    return "arrays" if suffix in ARRAYS else "picture"


def check_output(
    path: str | Path, *, animated: bool = False, force: bool = False, sources: Iterable[str | None] = ()
) -> Format:
    """The format of `path`, checked before long work: as `format_of`, and `RunError` for a file that exists.

    sources: of the pictures that are read. `UserError` if the path is one of them, a file inside it that exists and
        that `force` would replace, or a folder inside it, whose pictures would be read with the source next time.
    """
    kind = format_of(path, animated=animated)
    for source in filter(None, sources):
        is_inside = Path(path).resolve().is_relative_to(Path(source).expanduser().resolve())
        if is_inside and (kind == "folder" or Path(path).exists()):
            raise UserError(
                f"{path} is in {source}, whose pictures are read: writing there could replace them, or add to them. "
                "Give another place by --out."
            )
    if kind != "folder":
        refuse_existing([path], force=force)
    return kind


def stack_sheets(sheets: Sequence[Sheet]) -> Image.Image:
    """Sheets as one picture, each under the one before. Raises `UserError` if there is none."""
    if not sheets:
        raise UserError("There is no sheet to draw: give one at least.")
    pictures = [sheet.draw() for sheet in sheets]
    width = max(picture.width for picture in pictures)
    height = sum(picture.height for picture in pictures) + BETWEEN * (len(pictures) - 1)
    mode = pictures[0].mode
    whole = Image.new(mode, (width, height), PAPER if mode == "L" else (PAPER, PAPER, PAPER))
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height + BETWEEN
    return whole
