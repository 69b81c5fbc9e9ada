"""A sum of pictures as people write one: a column a term with its pictures and their mean, signs, and the result."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from imagewright.latent.arithmetic.arithmetic import Result
from imagewright.latent.arithmetic.sets import SHOWN
from imagewright.output.grids import GAP, INK, LABELLED_CELL, MARGIN, PAPER, TITLE_SIZE, draw_grid

SIGN_SIZE, FACTOR_SIZE = 34, 20
SIGN_MARGIN = 12


def draw_arithmetic(result: Result, title: str) -> Image.Image:
    """Each term's pictures over the mean of all of them, then the sum in line with the means, and others around it."""
    scale = max(1, round(LABELLED_CELL / max(result.image.shape[1:])))
    above = SHOWN if any(operand.count > 1 for operand in result.operands) else 0
    parts = [
        (_sign(term.factor, number), _term(result, number, above, scale)) for number, term in enumerate(result.terms)
    ]
    parts.append(("=", _column(result.image[None], above, "", "the sum", scale)))
    if len(result.around):
        captions = [""] * len(result.around)
        columns = -(-len(result.around) // (above + 1))
        parts.append(("", draw_grid(result.around, columns, captions=captions, title="around it", scale=scale)))
    return _in_a_row(parts, title)


def _sign(factor: float, number: int) -> str:
    sign = "-" if factor < 0 else "+" if number else ""
    return sign if abs(factor) == 1 else f"{sign} {abs(factor):g} x".strip()


def _term(result: Result, number: int, above: int, scale: int) -> Image.Image:
    """A column: pictures of the term, so that it is seen what was averaged, and the picture of the mean last."""
    operand, mean, text = result.operands[number], result.means[number], result.terms[number].text
    text = f"seed {text}" if text.isdecimal() else text
    if mean is None or operand.shown is None:
        return _column(torch.full_like(result.image, PAPER)[None], above, "a direction", text, scale)
    several = operand.count > 1
    pictures = torch.cat([operand.shown[:SHOWN], mean[None]]) if several else mean[None]
    return _column(pictures, above, f"mean of {operand.count}" if several else "", text, scale)


def _column(pictures: Tensor, above: int, caption: str, title: str, scale: int) -> Image.Image:
    """Pictures one over the other, with paper above so that the last ones of all columns stand in one line."""
    missing = above + 1 - len(pictures)
    cells = torch.cat([torch.full_like(pictures[:1], PAPER).expand(missing, -1, -1, -1), pictures])
    return draw_grid(cells, 1, captions=[*[""] * above, caption], title=title, scale=scale)


def _in_a_row(parts: Sequence[tuple[str, Image.Image]], title: str) -> Image.Image:
    """Pictures of one height side by side, each after its sign, which stands beside the last row."""
    font = ImageFont.load_default(TITLE_SIZE)
    signs = {sign: ImageFont.load_default(SIGN_SIZE if len(sign) == 1 else FACTOR_SIZE) for sign, _ in parts}
    wide = {sign: 2 * SIGN_MARGIN + round(signs[sign].getlength(sign)) if sign else 0 for sign, _ in parts}
    height = max(part.height for _, part in parts)
    top = MARGIN + TITLE_SIZE + 10
    width = max(sum(part.width + wide[sign] for sign, part in parts), round(font.getlength(title))) + 2 * MARGIN
    mode = "RGB" if any(part.mode == "RGB" for _, part in parts) else "L"
    ink, paper = (INK, PAPER) if mode == "L" else ((INK,) * 3, (PAPER,) * 3)
    sheet = Image.new(mode, (width, top + height + MARGIN), paper)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN), title, fill=ink, font=font)
    left = MARGIN
    line = top + height - MARGIN - GAP - LABELLED_CELL * 2 // 3  # the middle of the last row, over its caption
    for sign, part in parts:
        pen.text((left + wide[sign] / 2, line), sign, fill=ink, font=signs[sign], anchor="mm")
        sheet.paste(part, (left + wide[sign], top + height - part.height))
        left += wide[sign] + part.width
    return sheet
