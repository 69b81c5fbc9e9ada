"""The figure and the animation of the lesson on GANs: the same panels, side by side and one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.lessons.base import LessonOutput
from imagewright.lessons.gan.training import REACH, Reference, Snapshot
from imagewright.output.figures import SEQUENTIAL, colour_of, new_figure, render_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

DATA_COLOUR, GENERATED_COLOUR, DISCRIMINATOR_COLOUR = colour_of(6), colour_of(1), colour_of(0)
FRAME_DPI = 90
FRAMES_PER_SECOND = 12.0
NETWORKS: dict[str, dict[str, Any]] = {
    "generator": {"color": GENERATED_COLOUR, "linestyle": "-", "linewidth": 1.2},
    "discriminator": {"color": DISCRIMINATOR_COLOUR, "linestyle": "--", "linewidth": 1.2},
}
HOLD = (8, 24)  # additional frames of the first and of the last snapshot


def strip(output: LessonOutput, reference: Reference, snapshots: Sequence[Snapshot]) -> None:
    """The figure: a column a snapshot, from the first step to the last."""
    if reference.data.dimensions == 1:
        _strip_of_a_line(output, reference, snapshots)
    else:
        _strip_of_a_plane(output, reference, snapshots)


def _strip_of_a_line(output: LessonOutput, reference: Reference, snapshots: Sequence[Snapshot]) -> None:
    with output.figure("steps", 2.5 * len(snapshots), 5.2) as figure:
        grid = figure.subplots(2, len(snapshots), height_ratios=(1.7, 1), squeeze=False)
        top = _top(reference, snapshots)
        for column, snapshot in enumerate(snapshots):
            densities, probability_axes, mapped = _line_axes(grid[0, column], grid[1, column], top)
            _line_densities(densities, probability_axes, reference, snapshot)
            _line_map(mapped, snapshot)
            densities.set_title(f"step {snapshot.step:,}")
            if column:
                densities.tick_params(labelleft=False)
                densities.set_ylabel("")
                mapped.set_yticks([])
            if column < len(snapshots) - 1:
                probability_axes.tick_params(labelright=False)
                probability_axes.set_ylabel("")
        _legend_of_a_line(figure, densities, probability_axes)


def _legend_of_a_line(figure: Figure, densities: Axes, probability_axes: Axes) -> None:
    """One for all panels, above them."""
    handles = [*densities.get_legend_handles_labels()[0], *probability_axes.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)


def _line_axes(densities: Axes, mapped: Axes, top: float) -> tuple[Axes, Axes, Axes]:
    """Empty panels for a snapshot on the line: densities, D(x) on a second axis of the same panel, and the map."""
    densities.set(xlim=(-REACH, REACH), ylim=(0, top), xticks=(-1, 0, 1), ylabel="density")
    probability_axes = densities.twinx()
    probability_axes.set(ylim=(0, 1.02), yticks=(0, 0.5, 1))
    probability_axes.set_ylabel("probability of being data", color=DISCRIMINATOR_COLOUR)
    probability_axes.tick_params(colors=DISCRIMINATOR_COLOUR)
    mapped.set(xlim=(-REACH, REACH), ylim=(-0.08, 1.08), xticks=(-1, 0, 1))
    mapped.set_yticks((1, 0), labels=("z", "x"))
    for axes in (probability_axes, mapped):
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return densities, probability_axes, mapped


def _line_densities(densities: Axes, probability_axes: Axes, reference: Reference, snapshot: Snapshot) -> None:
    """Densities of data and generated points; D beside D*. Narrow peaks of q may leave the panel at its top."""
    densities.fill_between(reference.centres, reference.density, color="#d0d0d0", linewidth=0)
    densities.plot(reference.centres, reference.density, ":", color=DATA_COLOUR, linewidth=1.8, label="data p(x)")
    densities.plot(reference.centres, snapshot.generated, color=GENERATED_COLOUR, linewidth=1.8, label="generated q(x)")
    probability_axes.plot(
        reference.centres, snapshot.best, color=colour_of(2), linewidth=1.2, label="best, D*(x) = p / (p + q)"
    )
    probability_axes.plot(
        reference.centres,
        snapshot.probability,
        "--",
        color=DISCRIMINATOR_COLOUR,
        linewidth=2,
        label="discriminator D(x)",
    )


def _line_map(axes: Axes, snapshot: Snapshot) -> None:
    """Arrows from evenly spaced latents (top) to the generator's outputs (bottom)."""
    start = np.linspace(-1, 1, len(snapshot.mapped))
    end = snapshot.mapped[:, 0].clip(-1.1 * REACH, 1.1 * REACH)
    axes.quiver(
        start, np.ones_like(start), end - start, -np.ones_like(start),
        angles="xy", scale_units="xy", scale=1, units="inches", width=0.013, headwidth=4, headlength=5,
        color=GENERATED_COLOUR,
    )  # fmt: skip
    for height in (0, 1):
        axes.axhline(height, color="black", linewidth=1)


def _top(reference: Reference, snapshots: Iterable[Snapshot]) -> float:
    """The upper limit of the panels: fits the data's density, and the median peak of q up to twice the data's."""
    usual = float(np.median([snapshot.generated.max() for snapshot in snapshots]))
    return 1.15 * max(float(reference.density.max()), min(usual, 2 * float(reference.density.max())))


PLANES = ("generated q(x)", "D(x)", "D*(x) = p / (p + q)", "map from z to x")


def _strip_of_a_plane(output: LessonOutput, reference: Reference, snapshots: Sequence[Snapshot]) -> None:
    columns = len(snapshots) + 1
    with output.figure("steps", 1.95 * columns + 0.6, 2 * len(PLANES) + 0.3) as figure:
        grid = figure.subplots(len(PLANES), columns, squeeze=False)
        for axes in grid[1:, 0]:
            axes.set_axis_off()
        draw_density(grid[0, 0], reference, reference.density)
        grid[0, 0].set_title("data p(x)")
        for column, snapshot in enumerate(snapshots, 1):
            panels = grid[:, column]
            _plane_panels(panels, reference, snapshot)
            panels[0].set_title(f"step {snapshot.step:,}")
        for axes, name in zip(grid[:, 1], PLANES, strict=True):
            axes.set_ylabel(name)
        probability = grid[1, 1].images[0]
        bar = figure.colorbar(probability, ax=list(grid[1:3, 0]), location="left", fraction=0.5, shrink=0.7)
        bar.set_label("probability of being data")


def _plane_panels(panels: Iterable[Axes], reference: Reference, snapshot: Snapshot) -> None:
    generated, probability, best, mapped = panels
    draw_density(generated, reference, snapshot.generated)
    _draw_probability(probability, reference, snapshot.probability)
    _draw_probability(best, reference, snapshot.best)
    _net(mapped, reference, snapshot)


def draw_density(axes: Axes, reference: Reference, density: np.ndarray) -> None:
    """A density over the plane; the brightest colour is the data's highest density."""
    from matplotlib.colors import PowerNorm

    # Square root, since low densities would be too dark to see.
    scale = PowerNorm(0.5, 0, float(reference.density.max()))
    axes.imshow(density.T, norm=scale, cmap=SEQUENTIAL, **_plane())
    _bare(axes)


def _draw_probability(axes: Axes, reference: Reference, probability: np.ndarray) -> None:
    axes.set_facecolor("white")  # where D* is not defined
    axes.imshow(probability.T, vmin=0, vmax=1, cmap=SEQUENTIAL, **_plane())
    axes.plot(*reference.data.centres.T, ".", color="black", markersize=1.5)
    _bare(axes)


def _net(axes: Axes, reference: Reference, snapshot: Snapshot) -> None:
    """The image under the generator of a regular net over the square of latents; dots: the centres of the data."""
    from matplotlib.collections import LineCollection

    half = len(snapshot.mapped) // 2
    for lines, colour in ((snapshot.mapped[:half], GENERATED_COLOUR), (snapshot.mapped[half:], DISCRIMINATOR_COLOUR)):
        axes.add_collection(LineCollection(list(lines), colors=colour, linewidths=0.6))
    axes.plot(*reference.data.centres.T, ".", color="black", markersize=3)
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")
    _bare(axes)


def _plane() -> dict[str, Any]:
    return {"origin": "lower", "extent": (-REACH, REACH, -REACH, REACH), "interpolation": "nearest"}


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)


def training(
    output: LessonOutput, reference: Reference, snapshots: Sequence[Snapshot], progress: Callable[[float], None]
) -> None:
    """The animation: a frame a snapshot, with the distance up to it.

    progress: called with the share of frames drawn, from 0 to 1.
    """
    prepare = _frames_of_a_line if reference.data.dimensions == 1 else _frames_of_a_plane
    frames = draw_frames(len(snapshots), lambda figure: prepare(figure, reference, snapshots), (9, 5.2), progress)
    output.animation("training", frames, FRAMES_PER_SECOND)


def draw_frames(
    count: int,
    prepare: Callable[[Figure], Callable[[int], None]],
    size: tuple[float, float],
    progress: Callable[[float], None],
) -> list[Image.Image]:
    """Frames 0 to `count` - 1 of a figure, with the first and the last repeated (`HOLD`).

    count: number of frames.
    prepare: makes the axes of the figure, and returns the function that draws frame k into them.
    size: of the figure, in inches.
    progress: called with the share of frames drawn, from 0 to 1.
    """
    from PIL import Image

    frames = []
    with new_figure(*size) as figure:
        figure.set_dpi(FRAME_DPI)
        draw = prepare(figure)
        for number in range(count):
            for axes in figure.axes:
                for artist in (*axes.lines, *axes.collections, *axes.images):
                    artist.remove()
            draw(number)
            frames.append(Image.fromarray(render_figure(figure)))
            figure.set_layout_engine("none")  # all frames have the first one's layout, so that panels do not move
            progress((number + 1) / count)
    return [*[frames[0]] * HOLD[0], *frames, *[frames[-1]] * HOLD[1]]


def _frames_of_a_line(figure: Figure, reference: Reference, snapshots: Sequence[Snapshot]) -> Callable[[int], None]:
    grid = figure.add_gridspec(2, 2, width_ratios=(2.2, 1), height_ratios=(1.9, 1))
    left = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    densities, probability_axes, mapped = _line_axes(*left, _top(reference, snapshots))
    curve, losses = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    _losses_axes(losses, snapshots)

    def draw(number: int) -> None:
        _line_densities(densities, probability_axes, reference, snapshots[number])
        _line_map(mapped, snapshots[number])
        _distances(curve, snapshots, number)
        _losses(losses, snapshots, number)
        if not figure.legends:
            _legend_of_a_line(figure, densities, probability_axes)

    return draw


def _frames_of_a_plane(figure: Figure, reference: Reference, snapshots: Sequence[Snapshot]) -> Callable[[int], None]:
    data, generated, mapped, probability, best, curve = figure.subplots(2, 3).flat
    for axes, name in zip((data, generated, probability, best, mapped), ("data p(x)", *PLANES), strict=True):
        axes.set_title(name)

    def draw(number: int) -> None:
        draw_density(data, reference, reference.density)
        _plane_panels((generated, probability, best, mapped), reference, snapshots[number])
        _distances(curve, snapshots, number)

    return draw


def _distances(axes: Axes, snapshots: Sequence[Snapshot], number: int) -> None:
    """The distance over the steps, up to a snapshot; the axes fit the whole training."""
    steps = [snapshot.step for snapshot in snapshots]
    values = [snapshot.distance for snapshot in snapshots]
    axes.plot(steps[: number + 1], values[: number + 1], color=GENERATED_COLOUR)
    axes.plot(steps[number], values[number], "o", color=GENERATED_COLOUR)
    axes.set(xlim=(0, steps[-1]), ylim=(0, 1.05 * max(values)), ylabel="Wasserstein distance")
    axes.set_title(f"step {steps[number]:,}: {values[number]:.3f}")


def _losses(axes: Axes, snapshots: Sequence[Snapshot], number: int) -> None:
    steps = [snapshot.step for snapshot in snapshots[1:]]
    for network, style in NETWORKS.items():
        axes.plot(steps[:number], _losses_of(network, snapshots)[:number], **style)


def _losses_axes(axes: Axes, snapshots: Sequence[Snapshot]) -> None:
    """Limits that fit the whole training, and a legend of the two networks."""
    values = [value for network in NETWORKS for value in _losses_of(network, snapshots)]
    margin = 0.05 * (max(values) - min(values)) + 1e-3
    axes.set(
        xlim=(0, snapshots[-1].step), ylim=(min(values) - margin, max(values) + margin), xlabel="step", ylabel="loss"
    )
    axes.legend(handles=[axes.plot([], [], label=name, **style)[0] for name, style in NETWORKS.items()], fontsize=8)


def _losses_of(network: str, snapshots: Sequence[Snapshot]) -> list[float]:
    """The sum of a network's loss terms at each snapshot but the first, before which there was no step."""
    return [sum(value for name, value in each.losses.items() if name.startswith(network)) for each in snapshots[1:]]
