"""How results show themselves in a notebook: escaped lines, tables, and pictures embedded as small WebP.

A notebook asks an object for `_repr_html_`. Pictures are scaled down to `LARGEST_SIDE`, so that a notebook stays small.
"""

from __future__ import annotations

import base64
import html
import io
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from imagewright.errors import ImagewrightError, one_line
from imagewright.terminal import printable

if TYPE_CHECKING:
    from PIL import Image

LARGEST_SIDE = 1200  # pixels of an embedded picture
SMALL = 200_000  # pixels up to which a picture is embedded without loss
MOST_LINES = 60
LONGEST_LINE = 400  # characters


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, so that pictures can be shown under a cell."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and bool(shell.has_trait("kernel"))


def embedded_picture(picture: Image.Image, alt: str) -> str:
    """A picture as an <img> element that holds its bytes.

    picture: scaled down if its longer side has more than `LARGEST_SIDE` pixels.
    alt: what is on it, for those who do not see it.
    """
    from PIL import Image

    shown = picture if picture.mode in ("L", "RGB", "RGBA") else picture.convert("RGB")
    if max(shown.size) > LARGEST_SIDE:
        shown = shown.copy()
        shown.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # Without loss the edges of pixels and the letters of labels stay; large photographs would become large files.
    shown.save(buffer, "WEBP", lossless=shown.width * shown.height <= SMALL, quality=90, method=2)
    data = base64.b64encode(buffer.getvalue()).decode()
    text = html.escape(one_line(alt, LONGEST_LINE))
    return f'<img alt="{text}" style="max-width:100%" src="data:image/webp;base64,{data}">'


def lines_html(lines: Iterable[str]) -> str:
    """Lines of text, escaped, in the columns that spaces make; of very many lines the first."""
    found = list(lines)
    shown = [html.escape(printable(line)[:LONGEST_LINE]) for line in found[:MOST_LINES]]
    if len(found) > MOST_LINES:
        shown.append(f"... and {len(found) - MOST_LINES:,} more lines")
    return f'<pre style="white-space:pre-wrap;margin:0.3em 0">{chr(10).join(shown)}</pre>' if shown else ""


def table_html(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of escaped texts: the first column is aligned left, the others right."""

    def row(cells: Iterable[str], tag: str) -> str:
        parts = [
            f'<{tag} style="text-align:{"right" if place else "left"}">{html.escape(one_line(cell, LONGEST_LINE))}'
            for place, cell in enumerate(cells)
        ]
        return f"<tr>{''.join(f'{part}</{tag}>' for part in parts)}</tr>"

    return f"<table>{row(headings, 'th')}{''.join(row(cells, 'td') for cells in rows)}</table>"


class NotebookDisplay:
    """Makes a result show itself in a notebook: its `lines()`, else its one line, and the picture of its `sheet()`."""

    def _repr_html_(self) -> str:
        result: Any = self
        lines = result.lines() if hasattr(result, "lines") else [repr(self).strip("<>")]
        return lines_html(lines) + self._picture_html()

    def _picture_html(self) -> str:
        result: Any = self
        if not hasattr(result, "sheet"):
            return ""
        try:
            return embedded_picture(result.sheet().draw(), repr(self).strip("<>"))
        except ImagewrightError as error:  # such as a run that was removed since
            return lines_html([str(error)])
