"""The sheet of latent arithmetic, laid out as a sum: a column for each term, signs between, and the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from imagewright.latent.arithmetic.arithmetic import ArithmeticResult
from imagewright.latent.arithmetic.operands import SHOWN
from imagewright.output.grids import GAP, INK, LABELLED_CELL, MARGIN, PAPER, TITLE_SIZE, draw_grid
from imagewright.output.names import visible
from imagewright.output.provenance import COMPOSITE
from imagewright.output.sheets import Results, Sheet
from imagewright.runs.provenance import run_record

SIGN_SIZE, FACTOR_SIZE = 34, 20
SIGN_MARGIN = 12


@dataclass(frozen=True, eq=False)
class ArithmeticSheet(Sheet):
    """The terms of `result` as columns: pictures over their mean, which is in one line with the sum."""

    result: ArithmeticResult = field(kw_only=True)

    def draw(self) -> Image.Image:
        """The sheet as a picture."""
        result = self.result
        scale = max(1, round(LABELLED_CELL / max(result.image.shape[1:])))
        above = SHOWN if any(operand.count > 1 for operand in result.operands) else 0
        parts = [
            (_sign(term.factor, number), _draw_term(result, number, above, scale))
            for number, term in enumerate(result.terms)
        ]
        parts.append(("=", _draw_column(result.image[None], above, "", "the sum", scale)))
        if len(result.variations):
            captions = [""] * len(result.variations)
            columns = -(-len(result.variations) // (above + 1))
            parts.append(("", draw_grid(result.variations, columns, captions=captions, title="around it", scale=scale)))
        return _draw_in_a_row(parts, self.title or "")


def arithmetic_sheet(result: ArithmeticResult) -> Sheet:
    """The sheet of a result; its results are the sum and the variations."""
    record = run_record("arithmetic", result.model, seed=result.seed, settings=result.settings, source_type=COMPOSITE)
    images = torch.cat([result.image[None], result.variations])
    title = f"{record['model']}: {result.expression}"
    return ArithmeticSheet(
        images, result=result, title=title, record=record, results=Results(images, record), notes=result.notes
    )


def _sign(factor: float, number: int) -> str:
    sign = "-" if factor < 0 else "+" if number else ""
    return sign if abs(factor) == 1 else f"{sign} {abs(factor):g} x".strip()


def _draw_term(result: ArithmeticResult, number: int, above: int, scale: int) -> Image.Image:
    """A column: some of the pictures that were averaged, and the decoded mean under them."""
    operand, mean, text = result.operands[number], result.means[number], result.terms[number].text
    text = f"seed {text}" if text.isdecimal() else text
    if mean is None or operand.shown is None:
        return _draw_column(torch.full_like(result.image, PAPER)[None], above, "a direction", text, scale)
    several = operand.count > 1
    pictures = torch.cat([operand.shown[:SHOWN], mean[None]]) if several else mean[None]
    return _draw_column(pictures, above, f"mean of {operand.count}" if several else "", text, scale)


def _draw_column(pictures: Tensor, above: int, caption: str, title: str, scale: int) -> Image.Image:
    """A column of `above` + 1 cells, aligned at the bottom; missing cells above are empty."""
    missing = above + 1 - len(pictures)
    cells = torch.cat([torch.full_like(pictures[:1], PAPER).expand(missing, -1, -1, -1), pictures])
    return draw_grid(cells, 1, captions=[*[""] * above, caption], title=title, scale=scale)


def _draw_in_a_row(parts: Sequence[tuple[str, Image.Image]], title: str) -> Image.Image:
    """Pictures side by side, each after its sign, which is drawn at the height of the last row of cells."""
    font, title = ImageFont.load_default(TITLE_SIZE), visible(title)
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
    line = top + height - MARGIN - GAP - LABELLED_CELL * 2 // 3  # the middle of the last row, above its caption
    for sign, part in parts:
        pen.text((left + wide[sign] / 2, line), sign, fill=ink, font=signs[sign], anchor="mm")
        sheet.paste(part, (left + wide[sign], top + height - part.height))
        left += wide[sign] + part.width
    return sheet
