"""The words of latent arithmetic: `man with glasses - man + woman`, `0.5 * anna + Male & !Smiling`.

expression = [sign] term { sign term }
sign       = "+" | "-"                      between spaces, so that names may hold them
term       = [ number "*" ] operand
operand    = name | "any text in quotes"    what it stands for is looked up by `arithmetic_sets`
set        = part { "&" part },  part = ["!"] attribute       of a source with labels
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imagewright.errors import UserError

SIGNS = {"+": 1.0, "-": -1.0}
QUOTED_OR_SIGN = re.compile(r'"([^"]*)"|(?:(?<=\s)|^)([+-])(?=\s|$)')
FACTOR = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*\*\s*")


@dataclass(frozen=True)
class Term:
    """A factor, sign included, and what it multiplies, as written from character `place` of the expression (from 1)."""

    factor: float
    text: str
    place: int


def parse(expression: str) -> list[Term]:
    """The terms of an expression. Raises `UserError` that shows where it goes wrong."""
    if expression.count('"') % 2:
        raise wrong(expression, expression.rfind('"') + 1, "this quote is not closed")
    terms = list(_terms(expression))
    if not terms:
        raise UserError('The arithmetic is empty: write names with + and -, such as "glasses - man + woman".')
    return terms


def parts_of_set(text: str) -> list[tuple[str, bool]]:
    """`Male & !Smiling` as [("Male", True), ("Smiling", False)]."""
    parts = [part.strip() for part in text.split("&")]
    return [(part.lstrip("!").strip(), not part.startswith("!")) for part in parts]


def wrong(expression: str, place: int, what: str) -> UserError:
    """An error with the expression, and a mark under its character `place` (from 1)."""
    return UserError(f"Character {place} of the arithmetic: {what}.\n  {expression}\n  {' ' * (place - 1)}^")


def _terms(expression: str) -> Iterator[Term]:
    sign, start, sign_place = 1.0, 0, 0
    cuts = [match for match in QUOTED_OR_SIGN.finditer(expression) if match[2]]
    for number, cut in enumerate([*cuts, None]):
        stop = len(expression) if cut is None else cut.start()
        between = expression[start:stop]
        if between.strip():
            yield _term(expression, between, start, sign)
        elif cut is None and cuts:
            raise wrong(expression, sign_place, "nothing follows this sign; a name was expected")
        elif number > 0:
            raise wrong(expression, stop + 1, "two signs in a row; a name was expected between them")
        if cut is not None:
            sign, start, sign_place = SIGNS[cut[2]], cut.end(), cut.start() + 1


def _term(expression: str, text: str, start: int, sign: float) -> Term:
    place = start + len(text) - len(text.lstrip())
    operand = text.strip()
    factor = FACTOR.match(operand)
    if factor:
        operand, place = operand[factor.end() :], place + factor.end()
    if operand.startswith("*") or not operand:
        raise wrong(expression, place + 1, "a factor is a number, a star and a name, such as 0.5 * anna")
    if operand.startswith('"') and operand.endswith('"'):
        operand = operand[1:-1]
        if not operand.strip():
            raise wrong(expression, place + 1, "nothing stands between these quotes")
    return Term(sign * (float(factor[1]) if factor else 1.0), operand, place + 1)
