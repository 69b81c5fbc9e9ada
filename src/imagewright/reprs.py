"""What Python prints of a result: what it is in one line, and how to show or write it, without its tensors."""

from __future__ import annotations

from typing import Any

from imagewright.errors import count_text, one_line
from imagewright.pixels import size_text

LONGEST = 160  # characters of what a result says of itself
SHOWS = ".sheet() shows it"
WRITES = ".write(path) writes it"
MORE = ".lines() says more"


def short_repr(thing: object, what: str, *ways: str) -> str:
    """`<Kind: what; ways>`.

    >>> short_repr([], "nothing in it", ".append(thing) changes that")
    '<list: nothing in it; .append(thing) changes that>'
    """
    return f"<{type(thing).__name__}: {'; '.join([one_line(what, LONGEST), *([', '.join(ways)] if ways else [])])}>"


def pictures_text(images: Any) -> str:
    """Pictures (N, C, H, W) in words: "4 pictures of 64x48"."""
    count, _, height, width = images.shape
    return f"{count_text(int(count), 'picture')} of {size_text((int(height), int(width)))}"


def names_text(names: Any, most: int = 3) -> str:
    """The first names, and how many there are besides: "a, b, c and 4 more"."""
    first = ", ".join(map(str, list(names)[:most]))
    return f"{first} and {len(names) - most:,} more" if len(names) > most else first
