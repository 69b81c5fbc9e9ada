"""The figure of a decoded plane: the images, and beside them the encoded pictures by class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from imagewright.latent.walks.plane import Manifold
from imagewright.latent.walks.plane_axes import Axis
from imagewright.output.figures import DOTS_PER_INCH, colour_of, mark_of, new_figure, save_figure
from imagewright.output.grids import plain_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALLEST, LARGEST = 6.0, 14.0  # inches of a panel; in between, pictures are shown pixel by pixel
MOST_COLUMNS, LETTER, AROUND_NAME = 10, 0.09, 7  # of the legend; inches of a letter, letters for a mark and the gaps
CLASSES = 15  # with a mark and a colour of their own; other classes are grey
GREY = "#999999"
TICKS = torch.special.ndtr(torch.arange(-2.0, 3.0))  # probabilities of -2 to 2 deviations
TICKS_UNIFORM = torch.linspace(0, 1, 5)


def write_manifold(found: Manifold, path: str | Path, *, force: bool = False) -> Path:
    """Write the figure as PNG, SVG or PDF.

    Both panels have the same axes, so that a picture's mark lies where its latent is decoded. The axes are even in the
    prior's probability, and labelled by the latents' values.
    """
    title = f"{found.record['model']}: {found.axes[0].name} by {found.axes[1].name}"
    pixels = max(found.images.shape[2:]) * found.side
    panel = min(max(SMALLEST, pixels / DOTS_PER_INCH), LARGEST)
    height, width = (side * panel / max(found.images.shape[2:]) for side in found.images.shape[2:])
    panels = 1 if found.encoded is None else 2
    around = 1.3 if found.labels is None else 1.9  # inches for titles, numbers and the legend
    with new_figure(panels * (width + 0.6), height + around) as figure:
        figure.suptitle(title)
        axes = figure.subplots(1, panels, squeeze=False)[0]
        _draw_images(axes[0], found, max(1, round(panel * DOTS_PER_INCH / pixels)))
        if found.encoded is not None:
            _draw_encoded(axes[1], found)
            handles, names = axes[1].get_legend_handles_labels()
            if handles:
                columns = int(figure.get_figwidth() / (LETTER * (max(map(len, names)) + AROUND_NAME)))
                columns = max(1, min(len(handles), MOST_COLUMNS, columns))
                figure.legend(handles, names, loc="outside lower center", ncols=columns, markerscale=1.5)
        for each in axes:
            _label_axes(each, found.axes)
            each.set_box_aspect(height / width)
        return save_figure(figure, path, found.record, force=force)


def _draw_images(axes: Axes, found: Manifold, scale: int) -> None:
    sheet = plain_grid(found.images, found.side, scale=scale)
    axes.imshow(np.asarray(sheet.convert("RGB")), extent=(0, 1, 0, 1), aspect="auto", interpolation="antialiased")
    axes.grid(visible=False)
    axes.set_title("decoded")


def _draw_encoded(axes: Axes, found: Manifold) -> None:
    assert found.encoded is not None
    along = torch.stack([axis.cdf(found.encoded[:, number]) for number, axis in enumerate(found.axes)], 1)
    marks = along.double().numpy()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_title(f"{len(marks):,} encoded pictures")
    size = min(max(30_000 / len(marks), 12), 50)
    if found.labels is None or found.class_names is None:
        _scatter(axes, marks, size, colour_of(0), "o", None)
        return
    labels = found.labels.numpy()
    counts = np.bincount(labels[labels >= 0], minlength=len(found.class_names))
    common = sorted(int(number) for number in np.argsort(-counts, kind="stable")[:CLASSES] if counts[number])
    rest = ~np.isin(labels, common)
    if rest.any():
        _scatter(axes, marks[rest], size, GREY, ".", f"{rest.sum():,} others")
    for number in common:
        _scatter(axes, marks[labels == number], size, colour_of(number), mark_of(number), found.class_names[number])
    _name_classes(axes, marks, labels, found.class_names, common)


def _scatter(axes: Axes, marks: np.ndarray, size: float, colour: str, mark: str, label: str | None) -> None:
    x, y = marks.T
    axes.scatter(x, y, s=size, alpha=0.7, linewidths=0, color=colour, marker=mark, label=label)


def _name_classes(axes: Axes, marks: np.ndarray, labels: np.ndarray, names: tuple[str, ...], shown: list[int]) -> None:
    """Write each class's name at the median of its marks, so that the figure can be read without colours."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3, foreground="white")]
    for number in shown:
        x, y = np.median(marks[labels == number], axis=0)
        axes.text(x, y, names[number], ha="center", va="center", weight="bold", path_effects=halo)


def _label_axes(axes: Axes, shown: tuple[Axis, Axis]) -> None:
    across, up = (axis.quantile(TICKS_UNIFORM if axis.uniform else TICKS) for axis in shown)
    axes.set_xticks(shown[0].cdf(across).tolist(), [f"{value:.2g}" for value in across.tolist()])
    axes.set_yticks(shown[1].cdf(up).tolist(), [f"{value:.2g}" for value in up.tolist()])
    axes.set_xlabel(shown[0].name)
    axes.set_ylabel(shown[1].name)
