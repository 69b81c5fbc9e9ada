"""Four corner pictures and all mixtures of them, as a square: bilinear in the latents."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.inputs import Point, points_of
from imagewright.latent.walks.paths import decoder_of, mixed
from imagewright.output.grids import FONT_SIZE, INK, MARGIN, TITLE_SIZE, draw_grid
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode
from imagewright.verbs.paths import Way, usual_way

CORNERS = 4
CELL = 72  # the longer side of a picture, in pixels: many are on a sheet, and neighbours differ little


def blend(
    run: RunLike,
    corners: Sequence[Point] = (0, 1, 2, 3),
    steps: int = 7,
    *,
    images: ImagesLike | None = None,
    latents: Tensor | None = None,
    way: Way | None = None,
) -> Tensor:
    """Mixtures of four pictures, uint8 (steps * steps, C, H, W) in reading order: a square of `steps` pictures a side.

    `corners`: top left, top right, bottom left, bottom right, each a seed, a picture file or a name kept in the run;
    or else four `images`, or `latents` (4, *latent shape). `way`: as for `interpolate`.
    """
    if steps < 2:
        raise UserError(f"steps={steps}, but a square with four corners has 2 pictures a side or more.")
    model, parts = decoder_of(run)
    if latents is None:
        latents = points_of(run, corners, model=model).latents if images is None else encode(model, images)
    if len(latents) != CORNERS:
        raise UserError(f"A blend has four corners, and there are {len(latents)}: give four points.")
    across = torch.linspace(0, 1, steps)
    left_right = torch.stack([1 - across, across], 1)
    weights = torch.einsum("yi,xj->yxij", left_right, left_right).reshape(-1, CORNERS)
    return decode(model, mixed(latents, weights, parts, way or usual_way(model)))


def draw_blend(images: Tensor, names: Sequence[str], title: str) -> Image.Image:
    """The sheet of a blend: a square of uint8 pictures (K * K, C, H, W), the name of each corner at that corner."""
    side = round(len(images) ** 0.5)
    grid = draw_grid(images, side, scale=max(1, round(CELL / max(images.shape[2:]))))
    font, title_font = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(TITLE_SIZE)
    line, title_height = FONT_SIZE + 5, TITLE_SIZE + 10
    words = max(font.getlength("    ".join(pair)) for pair in (names[:2], names[2:]))
    right = max(grid.width - MARGIN, MARGIN + round(words))
    width = max(right, MARGIN + round(title_font.getlength(title))) + MARGIN
    grid_top = title_height + line
    sheet = Image.new(grid.mode, (width, grid_top + grid.height + line), grid.getpixel((0, 0)))
    sheet.paste(grid, (0, grid_top))
    ink = INK if grid.mode == "L" else (INK, INK, INK)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN), title, fill=ink, font=title_font)
    above, below = grid_top + MARGIN - 4, grid_top + grid.height + MARGIN
    for name, place in zip(names, [(MARGIN, above), (right, above), (MARGIN, below), (right, below)], strict=True):
        pen.text(place, name, fill=ink, font=font, anchor="ls" if place[0] == MARGIN else "rs")
    return sheet
