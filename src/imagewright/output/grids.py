"""Grids of images: a plain one for previews of a training, and a labelled one for people to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imagewright.errors import UserError
from imagewright.output.names import visible

if TYPE_CHECKING:
    import torch

    ImageArray = np.ndarray | torch.Tensor

GAP = 2  # pixels between cells
LABELLED_CELL = 112  # the longer side of a cell, in pixels: room for a legible caption
PLAIN_CELL = 64
MARGIN = 8
FONT_SIZE = 13
TITLE_SIZE = 17
TITLE_WIDTH = 720  # a longer title is cut with an ellipsis, unless the images make the sheet wider
ROW_LABEL_WIDTH = 240  # a longer row label is cut with an ellipsis
PAPER = 250  # grey levels of the background,
LINE = 216  # of the lines between cells,
INK = 32  # and of text


def draw_grid(
    images: ImageArray,
    columns: int | None = None,
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    title: str | None = None,
    scale: int | None = None,
) -> Image.Image:
    """Draw a labelled grid of images in reading order. Returns a picture of mode "L" for grey images, else "RGB".

    images: uint8 (N, C, H, W); C is 1, 3, or 4, which is shown on a checkerboard.
    columns: follows from the labels; without labels the grid is about square.
    row_labels: one a row, cut to 240 pixels.
    column_labels: one a column, cut to the cell's width.
    captions: one under each image, of one or several lines, each cut to the cell's width.
    title: above the grid.
    scale: each pixel becomes `scale` x `scale` pixels; by default the longer side of a cell is about 112 pixels.
    Raises `UserError` for images of another shape or type, and for labels of another number.
    """
    pixels = to_channels_last(images)
    count = len(pixels)
    columns = _columns(count, columns, pixels.shape[1:3], row_labels, column_labels)
    rows = math.ceil(count / columns)
    _check_labels("row label", row_labels, rows)
    _check_labels("column label", column_labels, columns)
    _check_labels("caption", captions, count)
    cells = _enlarge(_opaque(pixels), _scale(pixels, scale, LABELLED_CELL))

    font, title_font = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(TITLE_SIZE)
    line_height = FONT_SIZE + 5
    cell_height, cell_width = cells.shape[1:3]
    caption_height = line_height * max((1 + text.count("\n") for text in captions or ()), default=0)
    left = MARGIN + _row_label_width(row_labels, font)
    title_height = TITLE_SIZE + 10 if title else 0
    top = MARGIN + title_height + (line_height if column_labels else 0)
    body = _tile(cells, columns, below=caption_height)

    width = max(left + body.shape[1] + MARGIN, _title_width(title, title_font))
    sheet = np.full((top + body.shape[0] + MARGIN, width, cells.shape[3]), PAPER, np.uint8)
    sheet[top : top + body.shape[0], left : left + body.shape[1]] = body
    picture = _to_picture(sheet)
    pen = ImageDraw.Draw(picture)
    ink = INK if picture.mode == "L" else (INK, INK, INK)

    def write(text: str, x: float, y: float, width: int, anchor: str) -> None:
        pen.text((x, y), _cut(text, width, font), fill=ink, font=font, anchor=anchor)

    if title:
        pen.text((MARGIN, MARGIN), _cut(title, width - 2 * MARGIN, title_font), fill=ink, font=title_font)
    step_x, step_y = cell_width + GAP, cell_height + caption_height + GAP
    for column, text in enumerate(column_labels or ()):
        write(text, left + GAP + column * step_x + cell_width / 2, top - 3, cell_width, "ms")
    for row, text in enumerate(row_labels or ()):
        write(text, left - 8, top + GAP + row * step_y + cell_height / 2, ROW_LABEL_WIDTH, "rm")
    for index, text in enumerate(captions or ()):
        row, column = divmod(index, columns)
        x, y = left + GAP + column * step_x + cell_width / 2, top + GAP + row * step_y + cell_height - 5
        for place, line in enumerate(text.split("\n"), 1):
            write(line, x, y + place * line_height, cell_width, "ms")
    return picture


def plain_grid(images: ImageArray, columns: int | None = None, *, scale: int | None = None) -> Image.Image:
    """Draw a grid of uint8 images (N, C, H, W) without text; the picture is grey, RGB or RGBA as the images are."""
    pixels = to_channels_last(images)
    columns = _columns(len(pixels), columns, pixels.shape[1:3], None, None)
    return _to_picture(_tile(_enlarge(pixels, _scale(pixels, scale, PLAIN_CELL)), columns, below=0))


def to_picture(image: ImageArray) -> Image.Image:
    """One uint8 image (C, H, W), or (H, W) for grey, as a Pillow image of mode "L", "RGB" or "RGBA"."""
    array = _as_array(image)
    return _to_picture(to_channels_last(array[None, None] if array.ndim == 2 else array[None])[0])


def to_channels_last(images: ImageArray) -> np.ndarray:
    """Check images, a uint8 tensor or array (N, C, H, W), and return them as an array (N, H, W, C)."""
    array = _as_array(images)
    if array.ndim != 4 or array.shape[1] not in (1, 3, 4):
        raise UserError(f"Pictures have the shape (N, C, H, W) with C 1, 3 or 4, not {tuple(array.shape)}.")
    if array.dtype != np.uint8:
        raise UserError(f"Pictures are uint8 (0 to 255), not {array.dtype}: scale and round them first.")
    if 0 in array.shape:
        raise UserError("There is no picture to draw: give at least one.")
    return array.transpose(0, 2, 3, 1)


def _as_array(images: Any) -> np.ndarray:
    if hasattr(images, "detach"):
        images = images.detach().cpu().numpy()
    return np.asarray(images)


def _columns(
    count: int,
    columns: int | None,
    size: tuple[int, ...],
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str] | None,
) -> int:
    if columns is not None:
        if columns < 1:
            raise UserError(f"A sheet has at least one column, not {columns}.")
        return min(columns, count)
    if column_labels:
        return len(column_labels)
    if row_labels:
        return math.ceil(count / len(row_labels))
    height, width = size
    return fitting_columns(count, math.sqrt(count * height / width))


def fitting_columns(count: int, wanted: float) -> int:
    """The number of columns near the wanted one with which the last row is full, or nearly so.

    The share of the last row that is empty counts as much as a number of columns that is e times the wanted one.

    >>> [fitting_columns(count, count**0.5) for count in (16, 3, 7, 10, 17)], fitting_columns(36, 6.7)
    ([4, 3, 4, 5, 6], 6)
    """

    def cost(columns: int) -> tuple[float, int]:
        return round(-count % columns / columns + abs(math.log(columns / wanted)), 6), -columns

    return min(range(1, min(count, math.ceil(3 * wanted)) + 1), key=cost)


def _check_labels(what: str, labels: Sequence[str] | None, expected: int) -> None:
    if labels is not None and len(labels) != expected:
        raise UserError(f"The sheet needs {expected} {what}s, one for each, but {len(labels)} were given.")


def _scale(pixels: np.ndarray, scale: int | None, cell: int) -> int:
    if scale is None:
        return max(1, round(cell / max(pixels.shape[1:3])))
    if scale < 1:
        raise UserError(f"The scale of a sheet is a whole number from 1, not {scale}.")
    return scale


def _enlarge(pixels: np.ndarray, scale: int) -> np.ndarray:
    return pixels if scale == 1 else pixels.repeat(scale, axis=1).repeat(scale, axis=2)


def _opaque(pixels: np.ndarray) -> np.ndarray:
    """Blend RGBA images onto a light checkerboard, so that transparent and white differ."""
    if pixels.shape[3] != 4:
        return pixels
    height, width = pixels.shape[1:3]
    square = max(1, max(height, width) // 8)
    board = (np.arange(height)[:, None] // square + np.arange(width) // square) % 2
    paper = np.where(board, 255, 225).astype(np.uint16)[..., None]
    alpha = pixels[..., 3:].astype(np.uint16)
    return ((pixels[..., :3] * alpha + paper * (255 - alpha) + 127) // 255).astype(np.uint8)


def _tile(cells: np.ndarray, columns: int, below: int) -> np.ndarray:
    """Cells (N, H, W, C) side by side with thin lines between, and `below` rows of paper under each for its caption."""
    count, height, width, channels = cells.shape
    rows = math.ceil(count / columns)
    paper, line = (
        np.array([grey] * 3 + [0] if channels == 4 else [grey] * channels, np.uint8) for grey in (PAPER, LINE)
    )
    step_y, step_x = GAP + height + below, GAP + width
    tiles = np.full((rows * columns, step_y, step_x, channels), paper, np.uint8)
    tiles[:count, :GAP] = tiles[:count, :, :GAP] = paper if below else line
    tiles[:count, GAP : GAP + height, GAP:] = cells
    body = tiles.reshape(rows, columns, step_y, step_x, channels).transpose(0, 2, 1, 3, 4)
    sheet = np.full((rows * step_y + GAP, columns * step_x + GAP, channels), paper if below else line, np.uint8)
    sheet[:-GAP, :-GAP] = body.reshape(rows * step_y, columns * step_x, channels)
    return sheet


def _to_picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))


def _row_label_width(labels: Sequence[str] | None, font: Any) -> int:
    if not labels:
        return 0
    return 8 + min(ROW_LABEL_WIDTH, math.ceil(max(font.getlength(visible(text)) for text in labels)))


def _title_width(title: str | None, font: Any) -> int:
    return 2 * MARGIN + min(TITLE_WIDTH, math.ceil(font.getlength(visible(title)))) if title else 0


def _cut(text: str, width: int, font: Any) -> str:
    """The text; its start and end around an ellipsis if it is wider than `width` pixels, as file names differ there."""
    text = visible(text)
    if font.getlength(text) <= width:
        return text
    count = len(text)
    while count and font.getlength(shorter := f"{text[: (count + 1) // 2]}...{text[len(text) - count // 2 :]}") > width:
        count -= 1
    return shorter if count else ""
