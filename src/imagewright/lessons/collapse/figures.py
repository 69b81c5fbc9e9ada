"""The figure and the animation of the lesson on mode collapse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from imagewright.lessons.base import LessonOutput
from imagewright.lessons.gan.figures import FRAMES_PER_SECOND, draw_density, draw_frames
from imagewright.lessons.gan.training import Reference, Snapshot
from imagewright.output.figures import colour_of, mark_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from imagewright.lessons.gan.data import Mixture

Trained = Mapping[str, Sequence[Snapshot]]
LINES = ("-", "--", "-.", ":")


def strip(output: LessonOutput, reference: Reference, trained: Trained, steps: Sequence[int]) -> None:
    """The figure: a row a variant, a column a snapshot; below, the modes that each variant covers."""
    rows, columns = len(trained), len(steps) + 1
    with output.figure("collapse", 1.75 * columns, 1.75 * rows + 2.9) as figure:
        halves = figure.add_gridspec(2, 1, height_ratios=(1.75 * rows, 2.9))
        above, below = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
        grid = above.subplots(rows, columns, squeeze=False)
        for row, (name, snapshots) in zip(grid, trained.items(), strict=True):
            draw_density(row[0], reference, reference.density)
            row[0].set_ylabel(name.replace(", ", ",\n"))
            chosen = [snapshot for snapshot in snapshots if snapshot.step in steps]
            for axes, snapshot in zip(row[1:], chosen, strict=True):
                _generated(axes, reference, snapshot)
        for axes, title in zip(grid[0], ("data", *(f"step {step:,}" for step in steps)), strict=True):
            axes.set_title(title)
        _covered(below.subplots(), reference.data, trained)


def _generated(axes: Axes, reference: Reference, snapshot: Snapshot) -> None:
    """The generated density, a ring around each centre of the data, and how many modes are covered."""
    draw_density(axes, reference, snapshot.generated)
    axes.plot(*reference.data.centres.T, "o", color="white", markerfacecolor="none", markersize=9, markeredgewidth=0.5)
    axes.set_xlabel(f"{snapshot.modes} of {len(reference.data.modes)}", labelpad=2)


def _covered(axes: Axes, data: Mixture, trained: Trained, until: int | None = None) -> None:
    """Modes covered over the steps by each variant, up to snapshot `until`."""
    for index, (name, snapshots) in enumerate(trained.items()):
        shown = snapshots[:until]
        steps, modes = [snapshot.step for snapshot in shown], [snapshot.modes for snapshot in shown]
        style = LINES[index % len(LINES)]
        axes.plot(steps, modes, style, color=colour_of(index), linewidth=2, label=name)
        axes.plot(steps[-1], modes[-1], mark_of(index), color=colour_of(index), clip_on=False)
    axes.set(xlabel="step", ylabel=f"modes covered, of {len(data.modes)}", ylim=(0, 1.05 * len(data.modes)))
    axes.set_xlim(0, max(snapshot.step for snapshots in trained.values() for snapshot in snapshots))
    if axes.get_legend() is None:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def animation(output: LessonOutput, reference: Reference, trained: Trained, progress: Callable[[float], None]) -> None:
    """The animation: all variants side by side, a frame a snapshot.

    progress: called with the share of frames drawn, from 0 to 1.
    """

    def prepare(figure: Figure) -> Callable[[int], None]:
        grid = figure.add_gridspec(2, len(trained))
        panels = [figure.add_subplot(grid[0, column]) for column in range(len(trained))]
        curves = figure.add_subplot(grid[1, :])

        def draw(number: int) -> None:
            for axes, (name, snapshots) in zip(panels, trained.items(), strict=True):
                _generated(axes, reference, snapshots[number])
                axes.set_title(name.replace(", ", ",\n"), fontsize=10)
            _covered(curves, reference.data, trained, number + 1)

        return draw

    count = min(len(snapshots) for snapshots in trained.values())
    frames = draw_frames(count, prepare, (9, 5.4), progress)
    output.animation("collapse", frames, FRAMES_PER_SECOND)
