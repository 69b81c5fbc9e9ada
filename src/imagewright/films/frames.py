"""A frame of a film: the pictures of a snapshot, what it is the snapshot of, and the curves up to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imagewright.output.figures import COLOURS
from imagewright.output.grids import GAP, INK, PAPER, plain_grid
from imagewright.output.names import visible
from imagewright.output.writing import SMOOTH_FROM
from imagewright.runs.report.curves import PlotAxis, Points, fit_axis, round_ticks, short_number
from imagewright.runs.report.html import duration_text

WIDTH, MARGIN = 640, 16  # pixels
WIDEST_SHEET = 1280  # a labelled sheet is shown as it is up to this width
TITLE, TEXT, SMALL = 20, 18, 13  # sizes of the fonts
PLOT_HEIGHT, LEFT = 170, 58
CEILING, FLOOR = 8, PLOT_HEIGHT - 26  # upper and lower ends of the vertical axis
SHARP = 2  # curves are drawn so many times as large, and reduced: their edges are smooth
FAINT, GRID = (110, 110, 110), (225, 225, 225)
MARKER = 5  # radius, pixels


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class FilmStyle:
    """What all frames of a film share.

    title: above the pictures.
    curves: points over images seen, by the label of the curve; {} for none.
    columns: of the pictures.
    shape: of the pictures of each snapshot, (N, H, W, C).
    total: the largest number of images seen.
    is_sheet: whether the one picture is a labelled sheet.
    """

    title: str
    curves: Mapping[str, Points]
    columns: int
    shape: tuple[int, ...]
    total: int
    is_sheet: bool = False

    @cached_property
    def cell(self) -> tuple[int, int]:
        """(width, height) of a picture in the frame: small ones are enlarged by a whole number, to be sharp."""
        _, height, width, _ = self.shape
        if self.is_sheet:
            scale = min(1.0, (WIDEST_SHEET - 2 * MARGIN) / width)
        else:
            room = (WIDTH - 2 * MARGIN - GAP) / self.columns - GAP
            scale = max(room / width, 1 / max(1, width // 256))
            scale = max(1.0, math.floor(room / width)) if max(height, width) < SMOOTH_FROM else scale
        return max(1, round(width * scale)), max(1, round(height * scale))

    @cached_property
    def body(self) -> tuple[int, int]:
        """(width, height) of all pictures in the frame."""
        if self.is_sheet:
            return self.cell
        rows = math.ceil(self.shape[0] / self.columns)
        return self.columns * (self.cell[0] + GAP) + GAP, rows * (self.cell[1] + GAP) + GAP

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) of a frame: both even, which videos need."""
        width = max(WIDTH, self.body[0] + 2 * MARGIN)
        height = MARGIN + TITLE + 10 + self.body[1] + 10 + TEXT + MARGIN
        height += PLOT_HEIGHT + (SMALL + 6) * len(self.curves) if self.curves else 0
        return width + width % 2, height + height % 2


def draw_frame(style: FilmStyle, pixels: np.ndarray, images_seen: int, seconds: float | None) -> Image.Image:
    """One frame, an RGB picture of the style's size.

    pixels: the pictures, uint8, of the style's shape.
    images_seen: of this snapshot.
    seconds: of training up to it; None if the run does not say.
    """
    frame = Image.new("RGB", style.size, (PAPER, PAPER, PAPER))
    pen = ImageDraw.Draw(frame)
    ink = (INK, INK, INK)
    pen.text((MARGIN, MARGIN), visible(style.title), fill=ink, font=ImageFont.load_default(TITLE))
    top = MARGIN + TITLE + 10
    frame.paste(_pictures(style, pixels), ((style.size[0] - style.body[0]) // 2, top))
    top += style.body[1] + 10
    font = ImageFont.load_default(TEXT)
    seen = f"{images_seen:,} images seen" if images_seen else "before training"
    pen.text((MARGIN, top), seen, fill=ink, font=font)
    if seconds is not None:
        pen.text((style.size[0] - MARGIN, top), duration_text(seconds), fill=ink, font=font, anchor="ra")
    if style.curves:
        frame.paste(_plot(style, images_seen), (0, top + TEXT + 10))
    return frame


def _pictures(style: FilmStyle, pixels: np.ndarray) -> Image.Image:
    smooth = max(style.shape[1:3]) >= SMOOTH_FROM
    filtered = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    cells = []
    for each in pixels:
        picture = Image.fromarray(each[..., 0] if each.shape[-1] == 1 else each)
        if picture.mode == "RGBA":  # transparent pixels lie on white
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        cells.append(picture.convert("RGB").resize(style.cell, filtered))
    if style.is_sheet:
        return cells[0]
    return plain_grid(np.stack([np.asarray(cell) for cell in cells]).transpose(0, 3, 1, 2), style.columns, scale=1)


def _plot(style: FilmStyle, images_seen: int) -> Image.Image:
    """The curves up to a snapshot, with a marker at it, and under them their names and values then."""
    width, height = style.size[0], PLOT_HEIGHT + (SMALL + 6) * len(style.curves)
    plot = Image.new("RGB", (width * SHARP, height * SHARP), (PAPER, PAPER, PAPER))
    pen, font = ImageDraw.Draw(plot), ImageFont.load_default(SMALL * SHARP)
    x_axis = fit_axis([0.0, float(style.total)], LEFT * SHARP, (width - MARGIN) * SHARP, log_allowed=False)
    values = [y for points in style.curves.values() for _, y in points]
    y_axis = fit_axis(values, FLOOR * SHARP, CEILING * SHARP, log_allowed=True)
    _draw_axes(pen, font, x_axis, y_axis)
    now = x_axis.place(images_seen)
    pen.line([(now, CEILING * SHARP), (now, FLOOR * SHARP)], fill=FAINT, width=SHARP)
    for index, (name, points) in enumerate(style.curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        reached = [(x, y) for x, y in points if x <= images_seen]
        _draw_curve(pen, [(x_axis.place(x), y_axis.place(y)) for x, y in reached], colour)
        said = f"{name}: {short_number(reached[-1][1])}" if reached else name
        _draw_name(pen, font, PLOT_HEIGHT + index * (SMALL + 6), said, colour)
    return plot.resize((width, height), Image.Resampling.LANCZOS)


def _draw_axes(pen: ImageDraw.ImageDraw, font: Font, x_axis: PlotAxis, y_axis: PlotAxis) -> None:
    """Both axes with their numbers, and a line across at each number of the vertical one."""
    floor = FLOOR * SHARP
    for value, label in round_ticks(y_axis, 4):
        y = y_axis.place(value)
        pen.line([(x_axis.start, y), (x_axis.end, y)], fill=GRID, width=SHARP)
        pen.text((x_axis.start - 6 * SHARP, y), label, fill=FAINT, font=font, anchor="rm")
    for value, label in round_ticks(x_axis, 5):
        anchor = "ma" if x_axis.place(value) < x_axis.end - 20 * SHARP else "ra"
        pen.text((x_axis.place(value), floor + 6 * SHARP), label, fill=FAINT, font=font, anchor=anchor)
    pen.line([(x_axis.start, CEILING * SHARP), (x_axis.start, floor), (x_axis.end, floor)], fill=FAINT, width=SHARP)


def _draw_curve(pen: ImageDraw.ImageDraw, places: list[tuple[float, float]], colour: str) -> None:
    """A curve, with a marker at its last point."""
    if len(places) > 1:
        pen.line(places, fill=colour, width=2 * SHARP, joint="curve")
    if places:
        (x, y), radius = places[-1], MARKER * SHARP
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def _draw_name(pen: ImageDraw.ImageDraw, font: Font, top: int, name: str, colour: str) -> None:
    """The name of a curve beside a dash of its colour, `top` pixels below the upper edge of the plot."""
    y = (top + 8) * SHARP
    pen.line([(LEFT * SHARP, y), ((LEFT + 24) * SHARP, y)], fill=colour, width=3 * SHARP)
    pen.text(((LEFT + 32) * SHARP, top * SHARP), visible(name), fill=FAINT, font=font)
