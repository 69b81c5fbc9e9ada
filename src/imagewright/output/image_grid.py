"""`grid_sheet`: a contact sheet of a source, to see what is in it."""

from __future__ import annotations

from pathlib import Path

from imagewright.errors import count_text
from imagewright.images import Images, open_images
from imagewright.images.label_arrays import LabelsLike
from imagewright.images.selection import select_evenly
from imagewright.output.sheets import Results, Sheet

LONGER_SIDE = 128  # pixels of an image on the sheet, unless the user gives a size


def grid_sheet(
    source: Images | str | Path,
    count: int = 36,
    *,
    size: int | tuple[int, int] | None = None,
    split: str | None = None,
    labels: LabelsLike | None = None,
    label_column: str | None = None,
) -> Sheet:
    """The sheet of `count` images from all over a source, with their classes, or else their file names.

    source: what `open_images` takes.
    size: of each image, one side or (height, width); by default the source's own, at most 128 pixels.
    split: a part of the source, such as "train".
    labels: a file of labels.
    label_column: the column of the labels (see `open_images`).
    """
    images = open_images(source, size, split=split, labels=labels, label_column=label_column)
    if size is None and max(images.size) > LONGER_SIDE:
        shrink = LONGER_SIDE / max(images.size)
        images = images.with_size((max(1, round(images.height * shrink)), max(1, round(images.width * shrink))))
    chosen = select_evenly(images, count)
    return Sheet(
        chosen.images,
        captions=chosen.classes or [Path(name).name for name in chosen.names],
        title=f"{Path(images.source).name}: {len(chosen.names)} of {count_text(len(images), 'picture')}",
        results=Results(chosen.images, names=chosen.names),
    )
