"""Some training pictures of a run, as a file in it: pages show them beside samples, wherever the source is by then.

The file is a PNG of pixels as the model sees them, side by side without gaps, with a row for each source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from imagewright.images.decoding.opening import open_picture, read_encoded
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.output.grids import to_channels_last, to_picture
from imagewright.output.writing import write_image
from imagewright.runs.places import TRAINING_PICTURES
from imagewright.runs.run import Run

if TYPE_CHECKING:
    from imagewright.output.grids import ImageArray

WHITE = 255


def has_training_pictures(run: Run) -> bool:
    """Whether the run has its file of training pictures; runs of earlier versions have none."""
    return (run.path / TRAINING_PICTURES).exists()


def write_training_pictures(run: Run, rows: Sequence[ImageArray]) -> None:
    """Write the file of training pictures.

    rows: of each source, uint8 (N, C, H, W) of one size; C is 1, 3 or 4. Grey rows beside colour ones become colour,
        and shorter rows end in white.
    Raises `RunError` if it cannot be written.
    """
    pixels = [to_channels_last(row) for row in rows]
    count, channels = max(len(row) for row in pixels), max(row.shape[3] for row in pixels)
    height, width = pixels[0].shape[1:3]
    strip = np.full((len(pixels) * height, count * width, channels), WHITE, np.uint8)
    for place, row in enumerate(pixels):
        shown = row.transpose(1, 0, 2, 3).reshape(height, len(row) * width, row.shape[3])
        colours = min(3, channels) if row.shape[3] == 1 else row.shape[3]
        strip[place * height : (place + 1) * height, : shown.shape[1], :colours] = shown
    write_image(to_picture(strip.transpose(2, 0, 1)), run.path / TRAINING_PICTURES, force=True)


def read_training_pictures(run: Run) -> list[np.ndarray]:
    """The training pictures in the file of a run: of each source, uint8 (N, C, H, W); [] if there is none to be read.

    A file that is damaged, or that is not of pictures of the run's size, counts as none: a page is written without it.
    """
    size = run.record["config"].get("size")
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size)):
        return []
    try:
        with open_picture(read_encoded(run.path / TRAINING_PICTURES)) as strip:
            if strip.mode not in ("L", "RGB", "RGBA"):
                return []
            pixels = np.asarray(strip)
    except (OSError, Unreadable):
        return []
    height, width = size
    if len(pixels) % height or pixels.shape[1] % width:
        return []
    cells = pixels.reshape(len(pixels) // height, height, pixels.shape[1] // width, width, -1)
    return list(cells.transpose(0, 2, 4, 1, 3))
