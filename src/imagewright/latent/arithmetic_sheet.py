"""A sum of pictures as people write one: a column a term with its pictures and their mean, signs, and the result."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from imagewright.images.grids import GAP, INK, LABELLED_CELL, MARGIN, PAPER, TITLE_SIZE, draw_grid
from imagewright.latent.arithmetic import Result
from imagewright.latent.arithmetic_sets import SHOWN

SIGN_WIDTH = 44
SIGN_SIZE = 34
AROUND = 9  # the result in the middle of a square of 3 x 3


def draw_arithmetic(result: Result, title: str) -> Image.Image:
    """Each term's pictures over the mean of all of them, then the result with others around it."""
    scale = max(1, round(LABELLED_CELL / max(result.image.shape[1:])))
    terms = [(_sign(term.factor, number), _term(result, number, scale)) for number, term in enumerate(result.terms)]
    around = result.around[: AROUND - 1]
    half = len(around) // 2
    square = torch.cat([around[:half], result.image[None], around[half:]])
    captions = [""] * half + ["the sum"] + [""] * (len(around) - half)
    parts = [*terms, ("=", draw_grid(square, min(3, len(square)), captions=captions, scale=scale))]
    return _in_a_row(parts, title)


def _sign(factor: float, number: int) -> str:
    sign = "-" if factor < 0 else "+" if number else ""
    return sign if abs(factor) == 1 else f"{sign}{abs(factor):g}\u00d7"


def _term(result: Result, number: int, scale: int) -> Image.Image:
    """A column: pictures of the term, so that it is seen what was averaged, and the picture of the mean last."""
    operand, mean, text = result.operands[number], result.means[number], result.terms[number].text
    if mean is None or operand.shown is None:
        blank = torch.full_like(result.image, PAPER)[None]
        return draw_grid(_filled(blank), 1, captions=[*[""] * SHOWN, "a direction"], title=text, scale=scale)
    pictures = [operand.shown[:SHOWN], mean[None]] if operand.count > 1 else [mean[None]]
    counted = f"mean of {operand.count}" if operand.count > 1 else ""
    return draw_grid(_filled(torch.cat(pictures)), 1, captions=[*[""] * SHOWN, counted], title=text, scale=scale)


def _filled(pictures: Tensor) -> Tensor:
    """With paper above, so that the means of all terms stand in one line."""
    missing = SHOWN + 1 - len(pictures)
    return torch.cat([torch.full_like(pictures[:1], PAPER).expand(missing, -1, -1, -1), pictures])


def _in_a_row(parts: Sequence[tuple[str, Image.Image]], title: str) -> Image.Image:
    height = max(part.height for _, part in parts)
    font, large = ImageFont.load_default(TITLE_SIZE), ImageFont.load_default(SIGN_SIZE)
    top = MARGIN + TITLE_SIZE + 10
    widths = [part.width + (SIGN_WIDTH if sign else 0) for sign, part in parts]
    width = max(sum(widths) + 2 * MARGIN, round(font.getlength(title)) + 2 * MARGIN)
    mode = parts[0][1].mode
    ink = INK if mode == "L" else (INK, INK, INK)
    sheet = Image.new(mode, (width, top + height + MARGIN), PAPER if mode == "L" else (PAPER, PAPER, PAPER))
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN), title, fill=ink, font=font)
    left = MARGIN
    line = top + height - MARGIN - LABELLED_CELL // 2 - 2 * GAP  # the middle of the means
    for sign, part in parts:
        if sign:
            pen.text((left + SIGN_WIDTH / 2, line), sign, fill=ink, font=large, anchor="mm")
            left += SIGN_WIDTH
        sheet.paste(part, (left, top + height - part.height))
        left += part.width
    return sheet
