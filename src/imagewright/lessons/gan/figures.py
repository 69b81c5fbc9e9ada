"""The figures and the animation of the lesson on GANs: the same panels, in a strip of steps and one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.lessons.base import Place
from imagewright.lessons.gan.training import REACH, Look, Table
from imagewright.output.figures import SEQUENTIAL, colour_of, new_figure, render_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

DATA_COLOUR, GENERATED_COLOUR, JUDGE_COLOUR = colour_of(6), colour_of(1), colour_of(0)
FRAME_DOTS = 90  # an inch of a frame
FRAMES_PER_SECOND = 12.0
PLAYERS: dict[str, dict[str, Any]] = {
    "generator": {"color": GENERATED_COLOUR, "linestyle": "-", "linewidth": 1.2},
    "discriminator": {"color": JUDGE_COLOUR, "linestyle": "--", "linewidth": 1.2},
}
HOLD = (8, 24)  # frames that the first and the last look stay


def strip(place: Place, table: Table, looks: Sequence[Look]) -> None:
    """A column a look, from the first step to the last."""
    if table.data.dimensions == 1:
        _strip_of_a_line(place, table, looks)
    else:
        _strip_of_a_plane(place, table, looks)


def _strip_of_a_line(place: Place, table: Table, looks: Sequence[Look]) -> None:
    with place.figure("steps", 2.5 * len(looks), 5.2) as figure:
        grid = figure.subplots(2, len(looks), height_ratios=(1.7, 1), squeeze=False)
        top = _top(table, looks)
        for column, look in enumerate(looks):
            densities, judge, mapped = _line_axes(grid[0, column], grid[1, column], top)
            _line_densities(densities, judge, table, look)
            _line_map(mapped, look)
            densities.set_title(f"step {look.step:,}")
            if column:
                densities.tick_params(labelleft=False)
                densities.set_ylabel("")
                mapped.set_yticks([])
            if column < len(looks) - 1:
                judge.tick_params(labelright=False)
                judge.set_ylabel("")
        _legend_of_a_line(figure, densities, judge)


def _legend_of_a_line(figure: Figure, densities: Axes, judge: Axes) -> None:
    """One for all panels, above them."""
    handles = [*densities.get_legend_handles_labels()[0], *judge.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)


def _line_axes(densities: Axes, mapped: Axes, top: float) -> tuple[Axes, Axes, Axes]:
    """Empty panels of a look at a line: densities, judgements on an axis of their own beside them, and the map."""
    densities.set(xlim=(-REACH, REACH), ylim=(0, top), xticks=(-1, 0, 1), ylabel="density")
    judge = densities.twinx()
    judge.set(ylim=(0, 1.02), yticks=(0, 0.5, 1))
    judge.set_ylabel("probability of being data", color=JUDGE_COLOUR)
    judge.tick_params(colors=JUDGE_COLOUR)
    mapped.set(xlim=(-REACH, REACH), ylim=(-0.08, 1.08), xticks=(-1, 0, 1))
    mapped.set_yticks((1, 0), labels=("z", "x"))
    for axes in (judge, mapped):
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return densities, judge, mapped


def _line_densities(densities: Axes, judge: Axes, table: Table, look: Look) -> None:
    """Densities of data and generated points; D beside D*. A narrow peak leaves the panel: that it is there is seen."""
    densities.fill_between(table.centres, table.density, color="#d0d0d0", linewidth=0)
    densities.plot(table.centres, table.density, ":", color=DATA_COLOUR, linewidth=1.8, label="data p(x)")
    densities.plot(table.centres, look.generated, color=GENERATED_COLOUR, linewidth=1.8, label="generated q(x)")
    judge.plot(table.centres, look.best, color=colour_of(2), linewidth=1.2, label="best, D*(x) = p / (p + q)")
    judge.plot(table.centres, look.judged, "--", color=JUDGE_COLOUR, linewidth=2, label="discriminator D(x)")


def _line_map(axes: Axes, look: Look) -> None:
    """Arrows from even latents above to where the generator sends them."""
    start = np.linspace(-1, 1, len(look.mapped))
    end = look.mapped[:, 0].clip(-1.1 * REACH, 1.1 * REACH)
    axes.quiver(
        start, np.ones_like(start), end - start, -np.ones_like(start),
        angles="xy", scale_units="xy", scale=1, units="inches", width=0.013, headwidth=4, headlength=5,
        color=GENERATED_COLOUR,
    )  # fmt: skip
    for height in (0, 1):
        axes.axhline(height, color="black", linewidth=1)


def _top(table: Table, looks: Iterable[Look]) -> float:
    """The height of the panels: all of the data's density, and of the generated one what is usual."""
    usual = float(np.median([look.generated.max() for look in looks]))
    return 1.15 * max(float(table.density.max()), min(usual, 2 * float(table.density.max())))


PLANES = ("generated q(x)", "D(x)", "D*(x) = p / (p + q)", "map from z to x")


def _strip_of_a_plane(place: Place, table: Table, looks: Sequence[Look]) -> None:
    columns = len(looks) + 1
    with place.figure("steps", 1.95 * columns + 0.6, 2 * len(PLANES) + 0.3) as figure:
        grid = figure.subplots(len(PLANES), columns, squeeze=False)
        for axes in grid[1:, 0]:
            axes.set_axis_off()
        draw_density(grid[0, 0], table, table.density)
        grid[0, 0].set_title("data p(x)")
        for column, look in enumerate(looks, 1):
            panels = grid[:, column]
            _plane_panels(panels, table, look)
            panels[0].set_title(f"step {look.step:,}")
        for axes, name in zip(grid[:, 1], PLANES, strict=True):
            axes.set_ylabel(name)
        judged = grid[1, 1].images[0]
        bar = figure.colorbar(judged, ax=list(grid[1:3, 0]), location="left", fraction=0.5, shrink=0.7)
        bar.set_label("probability of being data")


def _plane_panels(panels: Iterable[Axes], table: Table, look: Look) -> None:
    generated, judged, best, mapped = panels
    draw_density(generated, table, look.generated)
    _judgement(judged, table, look.judged)
    _judgement(best, table, look.best)
    _net(mapped, table, look)


def draw_density(axes: Axes, table: Table, density: np.ndarray) -> None:
    """A density over the plane, bright where there is as much as the data has at most."""
    from matplotlib.colors import PowerNorm

    # By the root: what is spread thinly over the plane would be too dark to see.
    scale = PowerNorm(0.5, 0, float(table.density.max()))
    axes.imshow(density.T, norm=scale, cmap=SEQUENTIAL, **_plane())
    _bare(axes)


def _judgement(axes: Axes, table: Table, probability: np.ndarray) -> None:
    axes.set_facecolor("white")  # where D* is not defined
    axes.imshow(probability.T, vmin=0, vmax=1, cmap=SEQUENTIAL, **_plane())
    axes.plot(*table.data.centres.T, ".", color="black", markersize=1.5)
    _bare(axes)


def _net(axes: Axes, table: Table, look: Look) -> None:
    """An even net over the square of latents, as the generator stretches it; dots: the centres of the data."""
    from matplotlib.collections import LineCollection

    half = len(look.mapped) // 2
    for lines, colour in ((look.mapped[:half], GENERATED_COLOUR), (look.mapped[half:], JUDGE_COLOUR)):
        axes.add_collection(LineCollection(list(lines), colors=colour, linewidths=0.6))
    axes.plot(*table.data.centres.T, ".", color="black", markersize=3)
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")
    _bare(axes)


def _plane() -> dict[str, Any]:
    return {"origin": "lower", "extent": (-REACH, REACH, -REACH, REACH), "interpolation": "nearest"}


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)


def training(place: Place, table: Table, looks: Sequence[Look], progress: Callable[[float], None]) -> None:
    """The animation: a frame a look, with the distance so far."""
    prepare = _frames_of_a_line if table.data.dimensions == 1 else _frames_of_a_plane
    frames = drawn_frames(len(looks), lambda figure: prepare(figure, table, looks), (9, 5.2), progress)
    place.animation("training", frames, FRAMES_PER_SECOND)


def drawn_frames(
    count: int,
    prepare: Callable[[Figure], Callable[[int], None]],
    size: tuple[float, float],
    progress: Callable[[float], None],
) -> list[Image.Image]:
    """Pictures of a figure whose axes `prepare` makes, and into which what it returns draws frame 0, 1, 2 ..."""
    from PIL import Image

    frames = []
    with new_figure(*size) as figure:
        figure.set_dpi(FRAME_DOTS)
        draw = prepare(figure)
        for number in range(count):
            for axes in figure.axes:
                for artist in (*axes.lines, *axes.collections, *axes.images):
                    artist.remove()
            draw(number)
            frames.append(Image.fromarray(render_figure(figure)))
            figure.set_layout_engine("none")  # the first frame's layout is that of all: none jumps, and it is quick
            progress((number + 1) / count)
    return [*[frames[0]] * HOLD[0], *frames, *[frames[-1]] * HOLD[1]]


def _frames_of_a_line(figure: Figure, table: Table, looks: Sequence[Look]) -> Callable[[int], None]:
    grid = figure.add_gridspec(2, 2, width_ratios=(2.2, 1), height_ratios=(1.9, 1))
    left = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    densities, judge, mapped = _line_axes(*left, _top(table, looks))
    curve, losses = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    _losses_axes(losses, looks)

    def draw(number: int) -> None:
        _line_densities(densities, judge, table, looks[number])
        _line_map(mapped, looks[number])
        _distances(curve, looks, number)
        _losses(losses, looks, number)
        if not figure.legends:
            _legend_of_a_line(figure, densities, judge)

    return draw


def _frames_of_a_plane(figure: Figure, table: Table, looks: Sequence[Look]) -> Callable[[int], None]:
    data, generated, mapped, judged, best, curve = figure.subplots(2, 3).flat
    for axes, name in zip((data, generated, judged, best, mapped), ("data p(x)", *PLANES), strict=True):
        axes.set_title(name)

    def draw(number: int) -> None:
        draw_density(data, table, table.density)
        _plane_panels((generated, judged, best, mapped), table, looks[number])
        _distances(curve, looks, number)

    return draw


def _distances(axes: Axes, looks: Sequence[Look], number: int) -> None:
    """The distance over the steps, up to a look; the axes are those of the whole game."""
    steps = [look.step for look in looks]
    values = [look.distance for look in looks]
    axes.plot(steps[: number + 1], values[: number + 1], color=GENERATED_COLOUR)
    axes.plot(steps[number], values[number], "o", color=GENERATED_COLOUR)
    axes.set(xlim=(0, steps[-1]), ylim=(0, 1.05 * max(values)), ylabel="Wasserstein distance")
    axes.set_title(f"step {steps[number]:,}: {values[number]:.3f}")


def _losses(axes: Axes, looks: Sequence[Look], number: int) -> None:
    steps = [look.step for look in looks[1:]]
    for player, style in PLAYERS.items():
        axes.plot(steps[:number], _losses_of(player, looks)[:number], **style)


def _losses_axes(axes: Axes, looks: Sequence[Look]) -> None:
    """Wide enough for the whole game, and each player's line named."""
    values = [value for player in PLAYERS for value in _losses_of(player, looks)]
    margin = 0.05 * (max(values) - min(values)) + 1e-3
    axes.set(xlim=(0, looks[-1].step), ylim=(min(values) - margin, max(values) + margin), xlabel="step", ylabel="loss")
    axes.legend(handles=[axes.plot([], [], label=name, **style)[0] for name, style in PLAYERS.items()], fontsize=8)


def _losses_of(player: str, looks: Sequence[Look]) -> list[float]:
    """The sum of a player's terms at each look but the first, before which nothing was lost."""
    return [sum(value for name, value in look.losses.items() if name.startswith(player)) for look in looks[1:]]
