"""Labelled sheets of decoded pictures, one under the other where there are several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from imagewright.output.grids import PAPER, draw_grid

BETWEEN = 12  # pixels between two sheets


@dataclass(frozen=True)
class Sheet:
    """uint8 `images` (rows * columns, C, H, W) in reading order, with a label for each row and each column."""

    name: str
    images: Tensor
    row_labels: list[str]
    column_labels: list[str]
    title: str

    def draw(self) -> Image.Image:
        """The sheet as a picture."""
        return draw_grid(self.images, row_labels=self.row_labels, column_labels=self.column_labels, title=self.title)


def stacked(sheets: Sequence[Sheet]) -> Image.Image:
    """All sheets as one picture, each under the one before."""
    drawn = [sheet.draw() for sheet in sheets]
    width = max(picture.width for picture in drawn)
    height = sum(picture.height for picture in drawn) + BETWEEN * (len(drawn) - 1)
    mode = drawn[0].mode
    whole = Image.new(mode, (width, height), PAPER if mode == "L" else (PAPER, PAPER, PAPER))
    top = 0
    for picture in drawn:
        whole.paste(picture, (0, top))
        top += picture.height + BETWEEN
    return whole
