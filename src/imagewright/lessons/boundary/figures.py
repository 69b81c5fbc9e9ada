"""The figures of the lesson on boundaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from imagewright.lessons.base import LessonOutput
from imagewright.lessons.boundary.data import TwoClasses
from imagewright.model import Model
from imagewright.models.density.gda import GDA
from imagewright.models.shared.points import log_probabilities
from imagewright.output.figures import COLOURS, colour_of, mark_of, new_figure, render_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

SIDE = 120  # points of the plane at which classifiers are evaluated, along an axis
BLUE, ORANGE = COLOURS[0], COLOURS[1]  # classes A and B; their marks differ as well
Extent = tuple[float, float, float, float]
EXTENT: Extent = (-5.0, 9.0, -4.5, 7.0)
CLOSE: Extent = (-4.5, 5.0, -4.2, 4.2)


def boundaries(
    output: LessonOutput,
    sets: Mapping[str, TwoClasses],
    models: Mapping[str, Mapping[str, Model]],
    errors: Mapping[str, Mapping[str, float]],
    count: int,
    seed: int,
) -> None:
    """Every classifier on every set: probabilities, its boundary, the optimal boundary, and the densities of GDA."""
    titles = list(next(iter(models.values())))
    with output.figure("boundaries", 3.3 * len(titles), 3.2 * len(sets) + 0.7) as figure:
        figure.suptitle(
            f"Boundaries learned from {count} points. Solid: the classifier's; dashed: the optimal one; thin: the "
            "densities of generative classifiers.\nShade: the probability of class B (squares) against A (circles)."
        )
        axes = figure.subplots(len(sets), len(titles), squeeze=False)
        for row, (name, data) in enumerate(sets.items()):
            for column, title in enumerate(titles):
                draw_panel(
                    axes[row, column], data, models[name][title], count, seed, EXTENT if name == "far" else CLOSE
                )
                axes[row, column].set_title(f"{title}: {errors[name][title]:.1%} wrong")
            axes[row, 0].set_ylabel(data.title)


def draw_panel(axes: Axes, data: TwoClasses, model: Model, count: int, seed: int, extent: Extent) -> None:
    """One classifier in the plane, with the first `count` points of the data."""
    left, right, bottom, top = extent
    across, up = (torch.linspace(*ends, SIDE, dtype=torch.float64) for ends in ((left, right), (bottom, top)))
    grid = torch.cartesian_prod(up, across).flip(1)
    chances = log_probabilities(model, grid)[:, 1].exp().reshape(SIDE, SIDE).numpy()
    axes.imshow(
        chances, origin="lower", extent=extent, cmap=_between(), vmin=0, vmax=1, aspect="auto", interpolation="bilinear"
    )
    if isinstance(model, GDA):
        with torch.inference_mode():
            joint = model.log_joint(grid).exp().reshape(SIDE, SIDE, 2).numpy()
        for label, colour in enumerate((BLUE, ORANGE)):
            density = joint[..., label]
            levels = density.max() * np.exp(-0.5 * np.array([2.5, 1.5, 0.7]) ** 2)
            axes.contour(density, levels=levels, extent=extent, colors=colour, linewidths=0.9)
    points, labels = data.sample(count, seed)
    for label, (colour, mark) in enumerate(((BLUE, "o"), (ORANGE, "s"))):
        own = points[labels == label].numpy()
        axes.plot(*own.T, mark, color=colour, markersize=3.6, markeredgecolor="white", markeredgewidth=0.4)
    best = data.log_odds(grid).reshape(SIDE, SIDE).numpy()
    axes.contour(best, levels=[0], extent=extent, colors="black", linewidths=1.3, linestyles="dashed")
    axes.contour(chances, levels=[0.5], extent=extent, colors="black", linewidths=2.2)
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.grid(visible=False)


def training_points(
    output: LessonOutput,
    sets: Mapping[str, TwoClasses],
    counts: Sequence[int],
    errors: Mapping[str, Mapping[str, np.ndarray]],
    least: Mapping[str, float],
) -> None:
    """The error of each classifier against the number of training points, one panel a set."""
    with output.figure("training_points", 4.2 * len(sets), 4.3) as figure:
        repeats = next(iter(next(iter(errors.values())).values())).shape[1]
        figure.suptitle(f"Errors on new points, mean of {repeats} training sets (bars: its standard error)")
        for axes, (name, data) in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets.items(), strict=True):
            for number, (title, shares) in enumerate(errors[name].items()):
                generative = "GDA" in title
                axes.errorbar(
                    counts,
                    100 * shares.mean(1),
                    yerr=100 * shares.std(1, ddof=1) / repeats**0.5,
                    color=colour_of(number),
                    marker=mark_of(number),
                    linestyle="-" if generative else "--",
                    markerfacecolor=colour_of(number) if generative else "white",
                    capsize=2,
                    label=title,
                )
            axes.axhline(100 * least[name], color="black", linestyle=":", label="optimal boundary")
            axes.set_xscale("log")
            axes.set_xticks(counts, [str(count) for count in counts])
            axes.minorticks_off()
            axes.set(title=data.title, xlabel="training points", ylabel="error, %")
            axes.set_ylim(bottom=0)
        axes.legend(fontsize=9)


def frame(data: TwoClasses, models: Mapping[str, Model], count: int, seed: int, title: str) -> np.ndarray:
    """One frame of an animation: classifiers side by side, uint8 (3, H, W)."""
    with new_figure(7.0, 3.7) as figure:
        figure.suptitle(f"{title}. Dashed: the optimal boundary")
        for axes, (name, model) in zip(figure.subplots(1, len(models)), models.items(), strict=True):
            draw_panel(axes, data, model, count, seed, EXTENT)
            axes.set_title(f"{name} ({'generative' if 'GDA' in name else 'discriminative'})")
        return render_figure(figure).transpose(2, 0, 1)


def _between() -> Colormap:
    """A diverging colour map from class A's colour over white to class B's, distinct for colour-blind readers."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("classes", ["#7fb4d9", "#ffffff", "#eaae80"])
