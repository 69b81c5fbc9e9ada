"""Self-contained HTML pages: style, sections, embedded pictures. They have no script and load nothing."""

from __future__ import annotations

import base64
import html
from typing import Any

from imagewright.images.decoding.opening import open_picture
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.output.names import visible_bytes

SHARP = 960  # pixels: wider pictures are shown smaller than they are
STYLE = """
:root { color-scheme: light dark;
  --paper: #fdfdfc; --ink: #1c1e21; --faint: #6a6f76; --line: #dcdfe3; --card: #f4f5f6; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e6e8ea; --faint: #9aa1a9; --line: #34383e; --card: #1e2126; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 1180px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: .95rem; margin: 0 0 .3rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); gap: 1rem; }
.panel, figure { background: var(--card); border-radius: 8px; padding: .8rem; margin: 0; min-width: 0; }
svg { width: 100%; height: auto; display: block; } svg text { fill: currentColor; font: 12px system-ui, sans-serif; }
svg .tick { fill: var(--faint); font-size: 11px; }
svg .grid { stroke: var(--line); } svg .axis { stroke: var(--faint); }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem; margin-top: 1rem; }
img { max-width: 100%; display: block; } img.sharp { image-rendering: pixelated; }
@media (max-width: 1020px) { img.sharp { image-rendering: auto; } }
figcaption, .faint, .none { color: var(--faint); font-size: .85rem; } figcaption { margin-top: .4rem; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: .25rem .5rem .25rem 0; vertical-align: top;
  overflow-wrap: anywhere; } td:first-child { color: var(--faint); width: 34%; }
.scores { overflow-x: auto; } .scores td, .scores th { white-space: nowrap; text-align: right; padding-right: 1rem; }
.scores td:first-child { text-align: left; width: auto; } .scores th { font-weight: 600; font-size: .85rem; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
"""


def page(title: str, body: list[str], style: str = "") -> str:
    """A page from parts that are HTML already. `style`: CSS of this page besides that of all."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}{style}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def section(title: str, panels: list[str]) -> str:
    """A heading over panels, or nothing if there are no panels."""
    return f'<h2>{text(title)}</h2><div class="panels">{"".join(panels)}</div>' if panels else ""


def panel(title: str, content: str) -> str:
    """A box with a heading."""
    return f'<div class="panel"><h3>{text(title)}</h3>{content}</div>'


def picture(data: bytes, alt: str, *, sharp: bool = False, kind: str = "png", widest: int | None = None) -> str:
    """An embedded picture.

    data: a whole file.
    sharp: keep the edges of pixels if it is enlarged. One that is wider than the page is shown smaller, and smoothed.
    kind: png or webp.
    widest: enlarge it by the largest whole multiple that stays within so many pixels.
    """
    width = _width(data) if sharp else None
    attribute = ' class="sharp"' if sharp and (width is None or width <= SHARP) else ""
    if width is not None and widest is not None and width <= widest:
        attribute += f' width="{width * (widest // width)}"'
    return f'<img{attribute} alt="{text(alt)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def _width(data: bytes) -> int | None:
    """The pixels across a picture; None if its file is damaged."""
    try:
        with open_picture(data) as opened:
            return int(opened.width)
    except (OSError, Unreadable):
        return None


def duration_text(seconds: float) -> str:
    """A time for a reader.

    >>> duration_text(42), duration_text(130), duration_text(7300)
    ('42 s', '2 min 10 s', '2 h 1 min')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def text(value: Any) -> str:
    """Any value as escaped text."""
    return html.escape(visible_bytes(str(value)))
