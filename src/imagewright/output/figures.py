"""Figures with axes: one style for every plot of the package, and files that are written whole or not at all.

The colours are those of Okabe and Ito (2008, "Color universal design"), which are distinct for every kind of colour
vision. For ordered values use the colour map `SEQUENTIAL`, whose lightness rises evenly. Lines differ by marks too.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagewright.output.names import visible_bytes
from imagewright.output.provenance import Record
from imagewright.output.writing import check_suffix, new_file, write_image

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
SEQUENTIAL = "cividis"
SUFFIXES = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 144
# What is between dollars of ours: powers of numbers and of n, d, 0.1 and the like, and the ticks of logarithmic axes.
OWN_FORMULA = re.compile(r"\$(?:\\mathdefault\{)?[-+\d.()/n^d{}]+\}?\$")
STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "image.cmap": SEQUENTIAL,
    "svg.hashsalt": "imagewright",  # equal figures are equal bytes
    "text.usetex": False,  # labels have names of files and classes in them, which LaTeX would run
}


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """A Matplotlib figure of `width` x `height` inches in the package's style; no window opens.

    The user's own settings of Matplotlib hold for what the style leaves open, such as fonts. A `matplotlibrc` in the
    current folder, which may have come with downloaded pictures, does not.
    """
    import matplotlib
    from cycler import cycler
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        if _settings_were_merely_found():
            matplotlib.rcdefaults()
        matplotlib.rcParams.update({**STYLE, "axes.prop_cycle": cycler(color=COLOURS)})
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


@cache
def _settings_were_merely_found() -> bool:
    """Whether Matplotlib has read its settings from the current folder, without an environment variable naming them."""
    import matplotlib

    found = Path(matplotlib.matplotlib_fname()).absolute()
    return found.parent == Path.cwd() and not os.environ.get("MATPLOTLIBRC")


def colour_of(index: int) -> str:
    """The colour of series or class number `index`. Colours repeat after eight: use `mark_of` as well."""
    return COLOURS[index % len(COLOURS)]


def mark_of(index: int) -> str:
    """The mark of series or class number `index`; with `colour_of`, 64 different pairs."""
    return MARKS[(index + index // len(COLOURS)) % len(MARKS)]


def save_figure(figure: Figure, path: str | Path, record: Record | None = None, *, force: bool = False) -> Path:
    """Write a figure as PNG, SVG or PDF, by the suffix of `path`. Equal figures give equal bytes.

    record: the provenance record; only PNG files carry it.
    force: replace a file that exists.
    Raises `UserError` for another suffix, `RunError` if the file exists or cannot be written.
    """
    suffix = check_suffix(path, list(SUFFIXES))
    if suffix == ".png":
        return write_image(render_figure(figure).transpose(2, 0, 1), path, record, force=force)
    content = io.BytesIO()
    undated: dict[str, Any] = {"Date": None} if suffix == ".svg" else {"CreationDate": None}
    with _plain_texts(figure):
        figure.savefig(content, format=suffix[1:], metadata=undated)
    with new_file(path, force=force) as file:
        file.write(content.getvalue())
    return Path(path)


@contextmanager
def _plain_texts(figure: Figure) -> Iterator[None]:
    """Make the texts of a figure plain: file names may hold bytes that are no UTF-8, and dollars that are no formula.

    Within the block letters that the font lacks are drawn as boxes, without a warning.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_parse_math(OWN_FORMULA.search(text.get_text()) is not None)
            if (shown := visible_bytes(text.get_text())) != text.get_text():
                text.set_text(shown)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from (current )?font")
        yield


def render_figure(figure: Figure) -> np.ndarray:
    """The pixels of a figure, uint8 (H, W, 3), for a frame of an animation or a part of a sheet."""
    import numpy as np

    with _plain_texts(figure):
        figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]
