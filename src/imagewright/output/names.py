"""File names in outputs: names of any bytes, names that a table program would compute, names that are too long.

A name on a disk is bytes. Python holds those that are no UTF-8 as lone surrogates (PEP 383), which cannot be written as
UTF-8. Tables and pages get the bytes back, pictures and terminals a visible form such as `lat\\xe9.png`.
"""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins so is a formula to a spreadsheet, or ends the cell and begins another."""


def visible(text: str) -> str:
    """Text of one line that can be drawn and printed: bytes that are no UTF-8 and control characters are escaped.

    >>> visible("lat\\udce9.png"), visible("two\\nlines")
    ('lat\\\\xe9.png', 'two\\\\nlines')
    """
    if text.isprintable():
        return text
    letters = visible_bytes(text)
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in letters)


def visible_bytes(text: str) -> str:
    """Text with bytes that are no UTF-8 escaped, on as many lines as it has."""
    if text.isprintable():
        return text
    return "".join(f"\\x{ord(each) - 0xDC00:02x}" if "\udc80" <= each <= "\udcff" else each for each in text)


def encode_text(text: str) -> bytes:
    """Text as UTF-8; names that are no UTF-8 as the bytes that they are on the disk."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that no file name has
        return text.encode("utf-8", "replace")


def safe_cell(cell: object) -> object:
    """A cell of a table that no spreadsheet takes for a formula.

    Text that begins as a formula does, and is no number, gets `./` in front if it is the name of a file (it names the
    same file then), else an apostrophe.

    >>> safe_cell("=1+1.png"), safe_cell("-0.5"), safe_cell("@sum"), safe_cell("cat.png")
    ('./=1+1.png', '-0.5', "'@sum", 'cat.png')
    """
    if not isinstance(cell, str) or not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"./{cell}" if "." in cell else f"'{cell}"
    return cell
