"""The figure and the animation of the lesson on mode collapse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from imagewright.lessons.base import Place
from imagewright.lessons.gan.figures import FRAMES_PER_SECOND, draw_density, drawn_frames
from imagewright.lessons.gan.training import Look, Table
from imagewright.output.figures import colour_of, mark_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imagewright.lessons.gan.data import Mixture

Played = Mapping[str, Sequence[Look]]
LINES = ("-", "--", "-.", ":")


def strip(place: Place, table: Table, played: Played, steps: Sequence[int]) -> None:
    """A row a game, a column a look; below, the modes that each game covers."""
    rows, columns = len(played), len(steps) + 1
    with place.figure("collapse", 1.75 * columns, 1.75 * rows + 2.9) as figure:
        halves = figure.add_gridspec(2, 1, height_ratios=(1.75 * rows, 2.9))
        above, below = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
        grid = above.subplots(rows, columns, squeeze=False)
        for row, (name, looks) in zip(grid, played.items(), strict=True):
            draw_density(row[0], table, table.density)
            row[0].set_ylabel(name.replace(", ", ",\n"))
            chosen = [look for look in looks if look.step in steps]
            for axes, look in zip(row[1:], chosen, strict=True):
                _generated(axes, table, look)
        for axes, title in zip(grid[0], ("data", *(f"step {step:,}" for step in steps)), strict=True):
            axes.set_title(title)
        _covered(below.subplots(), table.data, played)


def _generated(axes: Axes, table: Table, look: Look) -> None:
    """The density, a ring around each centre of the data, and how many are covered."""
    draw_density(axes, table, look.generated)
    axes.plot(*table.data.centres.T, "o", color="white", markerfacecolor="none", markersize=9, markeredgewidth=0.5)
    axes.set_xlabel(f"{look.modes} of {len(table.data.modes)}", labelpad=2)


def _covered(axes: Axes, data: Mixture, played: Played, until: int | None = None) -> None:
    """Modes covered over the steps, by game, up to a look."""
    for index, (name, looks) in enumerate(played.items()):
        shown = looks[:until]
        steps, modes = [look.step for look in shown], [look.modes for look in shown]
        style = LINES[index % len(LINES)]
        axes.plot(steps, modes, style, color=colour_of(index), linewidth=2, label=name)
        axes.plot(steps[-1], modes[-1], mark_of(index), color=colour_of(index), clip_on=False)
    axes.set(xlabel="step", ylabel=f"modes covered, of {len(data.modes)}", ylim=(0, 1.05 * len(data.modes)))
    axes.set_xlim(0, max(look.step for looks in played.values() for look in looks))
    if axes.get_legend() is None:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def animation(place: Place, table: Table, played: Played, progress: Callable[[float], None]) -> None:
    """All games side by side, a frame a look."""

    def prepare(figure: Figure) -> Callable[[int], None]:
        grid = figure.add_gridspec(2, len(played))
        panels = [figure.add_subplot(grid[0, column]) for column in range(len(played))]
        curves = figure.add_subplot(grid[1, :])

        def draw(number: int) -> None:
            for axes, (name, looks) in zip(panels, played.items(), strict=True):
                _generated(axes, table, looks[number])
                axes.set_title(name.replace(", ", ",\n"), fontsize=10)
            _covered(curves, table.data, played, number + 1)

        return draw

    count = min(len(looks) for looks in played.values())
    frames = drawn_frames(count, prepare, (9, 5.4), progress)
    place.animation("collapse", frames, FRAMES_PER_SECOND)
