"""The picture of a plane through the latent space: the decoded grid, and beside it where the pictures of a set lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from imagewright.latent.walks.plane import Axis, Manifold
from imagewright.output.figures import DOTS_PER_INCH, colour_of, mark_of, new_figure, save_figure
from imagewright.output.grids import plain_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALLEST, LARGEST = 6.0, 14.0  # inches of a panel: the decoded pictures are shown pixel by pixel between these
CLASSES = 15  # with a mark and a colour of their own; the others are grey
GREY = "#999999"
TICKS = torch.special.ndtr(torch.arange(-2.0, 3.0))  # shares: two deviations to either side
TICKS_UNIFORM = torch.linspace(0, 1, 5)


def draw_manifold(
    found: Manifold, path: str | Path, record: Mapping[str, Any], *, title: str, force: bool = False
) -> Path:
    """Write the figure as PNG, SVG or PDF. Both panels have the same axes: a point lies where its picture is decoded.

    The axes are even in the prior's share, and labelled by the latents' values.
    """
    pixels = max(found.images.shape[2:]) * found.side
    panel = min(max(SMALLEST, pixels / DOTS_PER_INCH), LARGEST)
    height, width = (side * panel / max(found.images.shape[2:]) for side in found.images.shape[2:])
    panels = 1 if found.encoded is None else 2
    with new_figure(panels * (width + 0.6), height + 1.3) as figure:
        figure.suptitle(title)
        axes = figure.subplots(1, panels, squeeze=False)[0]
        _show_pictures(axes[0], found, max(1, round(panel * DOTS_PER_INCH / pixels)))
        if found.encoded is not None:
            _show_points(axes[1], found)
            handles, names = axes[1].get_legend_handles_labels()
            if handles:
                figure.legend(handles, names, loc="outside lower center", ncols=min(len(handles), 10), markerscale=1.5)
        for each in axes:
            _label_axes(each, found.axes)
            each.set_box_aspect(height / width)
        return save_figure(figure, path, dict(record), force=force)


def _show_pictures(axes: Axes, found: Manifold, scale: int) -> None:
    sheet = plain_grid(found.images, found.side, scale=scale)
    axes.imshow(np.asarray(sheet.convert("RGB")), extent=(0, 1, 0, 1), aspect="auto", interpolation="antialiased")
    axes.grid(visible=False)
    axes.set_title("decoded")


def _show_points(axes: Axes, found: Manifold) -> None:
    assert found.encoded is not None
    places = torch.stack([axis.shares_at(found.encoded[:, number]) for number, axis in enumerate(found.axes)], 1)
    points = places.double().numpy()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_title(f"{len(points):,} encoded pictures")
    size = min(max(30_000 / len(points), 12), 50)
    if found.labels is None or found.class_names is None:
        _scatter(axes, points, size, colour_of(0), "o", None)
        return
    labels = found.labels.numpy()
    counts = np.bincount(labels, minlength=len(found.class_names))
    common = sorted(int(number) for number in np.argsort(-counts, kind="stable")[:CLASSES] if counts[number])
    rest = ~np.isin(labels, common)
    if rest.any():
        _scatter(axes, points[rest], size, GREY, ".", f"{rest.sum():,} others")
    for number in common:
        _scatter(axes, points[labels == number], size, colour_of(number), mark_of(number), found.class_names[number])
    _name_classes(axes, points, labels, found.class_names, common)


def _scatter(axes: Axes, points: np.ndarray, size: float, colour: str, mark: str, label: str | None) -> None:
    x, y = points.T
    axes.scatter(x, y, s=size, alpha=0.7, linewidths=0, color=colour, marker=mark, label=label)


def _name_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, names: tuple[str, ...], shown: list[int]) -> None:
    """Each class's name in the middle of its points, so that no one needs the colours."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3, foreground="white")]
    for number in shown:
        x, y = np.median(points[labels == number], axis=0)
        axes.text(x, y, names[number], ha="center", va="center", weight="bold", path_effects=halo)


def _label_axes(axes: Axes, shown: tuple[Axis, Axis]) -> None:
    across, up = (axis.values_at(TICKS_UNIFORM if axis.uniform else TICKS) for axis in shown)
    axes.set_xticks(shown[0].shares_at(across).tolist(), [f"{value:.2g}" for value in across.tolist()])
    axes.set_yticks(shown[1].shares_at(up).tolist(), [f"{value:.2g}" for value in up.tolist()])
    axes.set_xlabel(shown[0].name)
    axes.set_ylabel(shown[1].name)
