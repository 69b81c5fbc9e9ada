"""Pictures of a self-check: a sheet of the damaged copies by level, and every number over the level.

Shape letters: P pictures, C H W.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imagewright.metrics.self_check.corruptions import CORRUPTIONS, LEVELS
from imagewright.metrics.self_check.results import Reading, SelfCheck
from imagewright.output.figures import colour_of, mark_of, new_figure, save_figure
from imagewright.output.grids import draw_grid, to_picture
from imagewright.output.provenance import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PAPER = 250
CELL = 108  # pixels of the longer side
ACROSS = 4  # pictures each way in a cell that shows a set
PANEL = (3.3, 2.6)  # inches
COLUMNS = 3
CHANCE = "#d6d6d6"
NOTES = {"did not move": "does not move", "wrong way": "wrong way", "moved": "moves", "not defined": "undefined"}


def damage_sheet(check: SelfCheck) -> Image.Image:
    """A row a corruption, a column a level: one damaged picture, or sixteen of a set that changes as a whole."""
    cells = [_cell(level) for name in check.corruptions for level in check.shown[name]]
    return draw_grid(
        np.stack(cells),
        LEVELS,
        row_labels=[CORRUPTIONS[name].title for name in check.corruptions],
        column_labels=["clean", *(f"level {level}" for level in range(1, LEVELS))],
        title=f"Damaged copies of {Path(check.source).name}",
        scale=1,
    )


def _cell(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 (P, C, H, W) as one, uint8 (C, H', W'), whose longer side is about `CELL`."""
    across = 1 if len(pictures) == 1 else ACROSS
    height, width = pictures.shape[2:]
    scale = CELL / max(height, width)
    tall, wide = (round(side * scale) // ACROSS * ACROSS for side in (height, width))
    # Small pictures in whole squares, so that their pixels are seen; large ones averaged.
    method = Image.Resampling.NEAREST if scale / across >= 1 else Image.Resampling.LANCZOS
    gap = across - 1  # paper between the pictures of a set, none around a single one
    size = (wide // across - gap // 2, tall // across - gap // 2)
    tiles = [_padded(np.asarray(to_picture(each).resize(size, method)), gap // 2) for each in pictures[: across**2]]
    tiles += [np.full_like(tiles[0], PAPER)] * (across**2 - len(tiles))
    rows = [np.concatenate(tiles[start : start + across], 1) for start in range(0, across**2, across)]
    whole = np.concatenate(rows)
    return whole[None] if whole.ndim == 2 else whole.transpose(2, 0, 1)


def _padded(picture: np.ndarray, gap: int) -> np.ndarray:
    """A picture (H, W) or (H, W, C) with paper to its right and below it."""
    width = ((0, gap), (0, gap), (0, 0))[: picture.ndim]
    return np.pad(picture, width, constant_values=PAPER)


def save_curves(check: SelfCheck, path: str | Path, record: Record | None = None, *, force: bool = False) -> Path:
    """Write a panel for each number, its value over the level of each corruption: PNG, SVG or PDF.

    The grey band is what pairs of clean halves give. A line that should hold still, or of which nothing is promised, is
    dashed. Where a number does not do what it should, that is written beside the line.
    """
    outputs = check.outputs
    columns = min(COLUMNS, len(outputs))
    rows = -(-len(outputs) // columns)
    with new_figure(PANEL[0] * columns + 2.2, PANEL[1] * rows + 0.4) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, output in zip(panels, outputs, strict=False):
            readings = [each for each in check.readings if each.output.name == output.name]
            _panel(axes, check, readings)
        for axes in panels[len(outputs) :]:
            axes.set_visible(False)
        figure.supxlabel("level of damage", fontsize=10)
        figure.legend(handles=_legend(check), loc="outside right upper")
        of = f" ({check.features})" if check.features else ""
        figure.suptitle(f"{Path(check.source).name}: {check.count:,} pictures against {check.count:,}{of}", fontsize=11)
        return save_figure(figure, path, record, force=force)


def _legend(check: SelfCheck) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [Patch(color=CHANCE, linewidth=0, label="clean halves")]
    for index, name in enumerate(check.corruptions):
        look = {"color": colour_of(index), "marker": mark_of(index), "markersize": 4.5}
        handles.append(Line2D([], [], label=CORRUPTIONS[name].title, **look))  # type: ignore[arg-type]
    handles.append(Line2D([], [], linestyle="--", color="#555555", label="nothing promised,\nor to hold still"))
    return handles


def _panel(axes: Axes, check: SelfCheck, readings: list[Reading]) -> None:
    output = readings[0].output
    clean = check.clean[output.name]
    levels = np.arange(LEVELS)
    axes.axhspan(min(clean), max(clean), color=CHANCE, linewidth=0)
    for each in readings:
        index = check.corruptions.index(each.corruption)
        values = [float(np.mean(clean)), *each.values]
        style = "-" if each.expected.way in ("rises", "falls") else "--"
        axes.plot(levels, values, style, color=colour_of(index), marker=mark_of(index), markersize=4.5)
        note = NOTES.get(each.verdict.judgement)
        if note and np.isfinite(values[-1]):
            axes.annotate(
                note, (levels[-1], values[-1]), xytext=(-4, 5), textcoords="offset points", ha="right", size=8
            )
    better = {"lower": "lower is better", "higher": "higher is better", None: "neither way is better"}[output.better]
    axes.set_title(f"{output.name}: {better}")
    axes.set_xticks(levels, ["clean", *map(str, levels[1:])])
