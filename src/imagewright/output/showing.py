"""`show` and `save`: pictures, sheets, sets and runs on the screen or in a file, whatever they are."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageShow

from imagewright.errors import RunError, UserError, an
from imagewright.images.decoding.opening import open_picture, read_encoded
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.notebooks import in_notebook
from imagewright.output.grids import to_picture
from imagewright.output.sheets import Sheet, SheetStack
from imagewright.output.writing import write_image

if TYPE_CHECKING:
    from imagewright.images import Images

SHOWN = 64  # pictures of a set
KINDS = "a picture or pictures (uint8 tensor, array, Pillow image, or a list), a sheet, opened images, or a run"


def show(thing: Any) -> None:
    """Show pictures: in a notebook under the cell, else in the system's viewer.

    thing: uint8 pictures (N, C, H, W) or one (C, H, W), as a tensor or an array; a Pillow image; a list of these; a
        sheet; opened images (the first 64); or a run (its latest preview).
    Without a viewer, as on a server, it writes a temporary file and prints its place.
    Raises `UserError` for another kind of thing.
    """
    picture = draw(thing)
    if in_notebook():
        from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

        display(picture)
        return
    if not ImageShow.show(picture):
        with tempfile.NamedTemporaryFile(suffix=".png", prefix="imagewright-", delete=False) as file:
            picture.save(file, "PNG")
        print(f"No viewer was found: the picture is in {file.name}", file=sys.stderr)


def save(thing: Any, path: str | Path, *, force: bool = False) -> list[Path]:
    """Write pictures to a file or folder, in the format that the name of `path` says. Returns the paths written.

    thing: as for `show`; of opened images, all.
    path: .png, .jpg, .webp or .tif for one picture or a sheet of several; .npz for an array; a name without a suffix
        for a folder with a file each.
    force: replace files that exist.
    Raises `UserError` for another kind of thing or suffix, `RunError` if a file exists or cannot be written.
    """
    if isinstance(thing, Sheet | SheetStack):
        return thing.write(path, force=force)
    if isinstance(thing, Image.Image) or hasattr(thing, "latest_preview"):
        return [write_image(draw(thing), path, force=force)]
    pictures = _pictures(thing, None)
    if len(pictures) == 1 and Path(path).suffix.lower() not in ("", ".npz"):
        return [write_image(to_picture(pictures[0]), path, force=force)]
    return Sheet(pictures).write(path, force=force)


def draw(thing: Any) -> Image.Image:
    """What `show` shows, as a Pillow image."""
    if isinstance(thing, Image.Image):
        return thing
    if isinstance(thing, Sheet | SheetStack):
        return thing.draw()
    if hasattr(thing, "latest_preview"):
        return _preview(thing)
    return Sheet(_pictures(thing, SHOWN)).draw()


def _preview(run: Any) -> Image.Image:
    path = run.latest_preview()
    if path is None:
        raise UserError(f"{run.path} has no preview yet: give a sheet of its samples, iw.sample_sheet(run, 16).")
    try:
        with open_picture(read_encoded(path), any_size=True) as picture:
            return picture.copy()
    except (OSError, Unreadable) as reason:
        raise RunError(f"{path} cannot be read: {reason}.") from None


def _pictures(thing: Any, most: int | None) -> np.ndarray:
    """uint8 pictures (N, C, H, W)."""
    if hasattr(thing, "fingerprint") and hasattr(thing, "batch"):
        images: Images = thing
        return np.asarray(images if most is None else images[:most])
    if isinstance(thing, Sequence) and not isinstance(thing, str | bytes) and len(thing):
        parts = [_pictures(each, None) for each in thing]
        if len({part.shape[1:] for part in parts}) > 1:
            raise UserError("The pictures have different sizes or channels: give pictures of one shape.")
        return np.concatenate(parts)
    if isinstance(thing, Image.Image):
        mode = thing.mode if thing.mode in ("L", "RGB", "RGBA") else "RGB"
        pixels = np.asarray(thing.convert(mode))
        return pixels[None, None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)[None]
    if not hasattr(thing, "shape"):
        raise UserError(f"{an(type(thing).__name__)} cannot be shown: expected {KINDS}.")
    array = np.asarray(thing.detach().cpu().numpy() if hasattr(thing, "detach") else thing)
    if array.ndim == 2:
        return array[None, None]
    return array[None] if array.ndim == 3 else array
