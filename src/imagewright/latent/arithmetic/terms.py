"""Parse expressions of latent arithmetic: `man with glasses - man + woman`, `0.5 * anna + Male & !Smiling`.

expression = [sign] term { sign term }
sign       = "+" | "-"                      between spaces, so that names may contain them
term       = [ number "*" ] operand
operand    = name | "any text in quotes"    `operands.py` looks it up
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
    """A factor with its sign, and the text of its operand, which begins at character `position` (from 1)."""

    factor: float
    text: str
    position: int


def parse_expression(expression: str) -> list[Term]:
    """The terms of an expression. Raises `UserError` that points at the mistake."""
    if expression.count('"') % 2:
        raise syntax_error(expression, expression.rfind('"') + 1, "this quote is not closed")
    terms = list(_parse_terms(expression))
    if not terms:
        raise UserError('The arithmetic is empty: write names with + and -, such as "glasses - man + woman".')
    return terms


def parse_set(text: str) -> list[tuple[str, bool]]:
    """The attributes of a set, and whether its pictures have each: `Male & !Smiling` as [("Male", True),
    ("Smiling", False)]."""
    parts = [part.strip() for part in text.split("&")]
    return [(part.lstrip("!").strip(), not part.startswith("!")) for part in parts]


def syntax_error(expression: str, position: int, what: str) -> UserError:
    """An error that shows the expression with a mark under character `position` (from 1)."""
    return UserError(f"Character {position} of the arithmetic: {what}.\n  {expression}\n  {' ' * (position - 1)}^")


def _parse_terms(expression: str) -> Iterator[Term]:
    sign, start, sign_position = 1.0, 0, 0
    cuts = [match for match in QUOTED_OR_SIGN.finditer(expression) if match[2]]
    for number, cut in enumerate([*cuts, None]):
        stop = len(expression) if cut is None else cut.start()
        between = expression[start:stop]
        if between.strip():
            yield _parse_term(expression, between, start, sign)
        elif cut is None and cuts:
            raise syntax_error(expression, sign_position, "nothing follows this sign; a name was expected")
        elif number > 0:
            raise syntax_error(expression, stop + 1, "two signs in a row; a name was expected between them")
        if cut is not None:
            sign, start, sign_position = SIGNS[cut[2]], cut.end(), cut.start() + 1


def _parse_term(expression: str, text: str, start: int, sign: float) -> Term:
    position = start + len(text) - len(text.lstrip())
    operand = text.strip()
    factor = FACTOR.match(operand)
    if factor:
        operand, position = operand[factor.end() :], position + factor.end()
    if operand.startswith("*") or not operand:
        raise syntax_error(expression, position + 1, "a factor is a number, a star and a name, such as 0.5 * anna")
    if operand.startswith('"') and operand.endswith('"'):
        operand = operand[1:-1]
        if not operand.strip():
            raise syntax_error(expression, position + 1, "nothing stands between these quotes")
    return Term(sign * (float(factor[1]) if factor else 1.0), operand, position + 1)
