"""Figures of a self-check: a sheet of corrupted pictures by level, and curves of every output over the level.

Shape letters: P pictures, C H W.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imagewright.metrics.self_check.corruptions import CORRUPTIONS, LEVELS
from imagewright.metrics.self_check.results import Measurement, SelfCheck
from imagewright.output.figures import colour_of, mark_of, new_figure, save_figure
from imagewright.output.grids import draw_grid, to_picture
from imagewright.output.provenance import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PAPER = 250  # grey level of the background
CELL = 108  # pixels of a cell's longer side
ACROSS = 4  # pictures in each row and column of a cell that shows a set
PANEL = (3.3, 2.6)  # inches
COLUMNS = 3
BAND = "#d6d6d6"
NOTES = {"no change": "no change", "wrong direction": "wrong direction", "changed": "changes", "undefined": "undefined"}


def draw_sheet(check: SelfCheck) -> Image.Image:
    """A row for each corruption and a column for each level: one picture, or sixteen for a corruption of the set."""
    cells = [_cell(level) for name in check.corruptions for level in check.shown[name]]
    return draw_grid(
        np.stack(cells),
        LEVELS,
        row_labels=[CORRUPTIONS[name].title for name in check.corruptions],
        column_labels=["clean", *(f"level {level}" for level in range(1, LEVELS))],
        title=f"Corrupted copies of {Path(check.source).name}",
        scale=1,
    )


def _cell(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 (P, C, H, W) tiled into one, uint8 (C, H', W'), whose longer side is about `CELL`."""
    across = 1 if len(pictures) == 1 else ACROSS
    height, width = pictures.shape[2:]
    scale = CELL / max(height, width)
    tall, wide = (round(side * scale) // ACROSS * ACROSS for side in (height, width))
    # Small pictures are enlarged by nearest neighbour, so that their pixels stay visible; large ones are averaged.
    method = Image.Resampling.NEAREST if scale / across >= 1 else Image.Resampling.LANCZOS
    gap = across - 1  # background between the pictures of a set; none around a single picture
    size = (wide // across - gap // 2, tall // across - gap // 2)
    tiles = [_pad(np.asarray(to_picture(each).resize(size, method)), gap // 2) for each in pictures[: across**2]]
    tiles += [np.full_like(tiles[0], PAPER)] * (across**2 - len(tiles))
    rows = [np.concatenate(tiles[start : start + across], 1) for start in range(0, across**2, across)]
    whole = np.concatenate(rows)
    return whole[None] if whole.ndim == 2 else whole.transpose(2, 0, 1)


def _pad(picture: np.ndarray, gap: int) -> np.ndarray:
    """A picture (H, W) or (H, W, C) with background to its right and below it."""
    width = ((0, gap), (0, gap), (0, 0))[: picture.ndim]
    return np.pad(picture, width, constant_values=PAPER)


def save_curves(check: SelfCheck, path: str | Path, record: Record | None = None, *, force: bool = False) -> Path:
    """Write a figure with a panel for each output, its value over the level of each corruption; returns the path.

    The grey band is the range over pairs of clean halves. A line is dashed if the output should stay constant or if no
    direction is expected. An unexpected change is written beside its line.

    path: `.png`, `.svg` or `.pdf`.
    record: provenance, written into the file.
    force: overwrite a file that exists.
    """
    outputs = check.outputs
    columns = min(COLUMNS, len(outputs))
    rows = -(-len(outputs) // columns)
    with new_figure(PANEL[0] * columns + 2.2, PANEL[1] * rows + 0.4) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, output in zip(panels, outputs, strict=False):
            measurements = [each for each in check.measurements if each.output.name == output.name]
            _panel(axes, check, measurements)
        for axes in panels[len(outputs) :]:
            axes.set_visible(False)
        figure.supxlabel("level of corruption", fontsize=10)
        figure.legend(handles=_legend(check), loc="outside right upper")
        of = f" ({check.features})" if check.features else ""
        figure.suptitle(f"{Path(check.source).name}: {check.count:,} pictures against {check.count:,}{of}", fontsize=11)
        return save_figure(figure, path, record, force=force)


def _legend(check: SelfCheck) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [Patch(color=BAND, linewidth=0, label="clean halves")]
    for index, name in enumerate(check.corruptions):
        look = {"color": colour_of(index), "marker": mark_of(index), "markersize": 4.5}
        handles.append(Line2D([], [], label=CORRUPTIONS[name].title, **look))  # type: ignore[arg-type]
    handles.append(Line2D([], [], linestyle="--", color="#555555", label="constant, or no\ndirection expected"))
    return handles


def _panel(axes: Axes, check: SelfCheck, measurements: list[Measurement]) -> None:
    output = measurements[0].output
    clean = check.clean[output.name]
    levels = np.arange(LEVELS)
    axes.axhspan(min(clean), max(clean), color=BAND, linewidth=0)
    for each in measurements:
        index = check.corruptions.index(each.corruption)
        values = [float(np.mean(clean)), *each.values]
        style = "-" if each.expected.direction in ("rises", "falls") else "--"
        axes.plot(levels, values, style, color=colour_of(index), marker=mark_of(index), markersize=4.5)
        note = NOTES.get(each.verdict.outcome)
        if note and np.isfinite(values[-1]):
            axes.annotate(
                note, (levels[-1], values[-1]), xytext=(-4, 5), textcoords="offset points", ha="right", size=8
            )
    better = {"lower": "lower is better", "higher": "higher is better", None: "neither direction is better"}[
        output.better
    ]
    axes.set_title(f"{output.name}: {better}")
    axes.set_xticks(levels, ["clean", *map(str, levels[1:])])
