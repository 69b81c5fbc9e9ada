"""The figures of the lesson on dimension."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from imagewright.lessons.base import LessonOutput
from imagewright.lessons.dimension.measures import CELLS, cells_hit, contrast, expected_throws, pairwise_distances
from imagewright.output.figures import colour_of, mark_of, new_figure, render_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mpl_toolkits.mplot3d import Axes3D

LANDMARKS = {"pictures in ImageNet": 7.1, "people on Earth": 9.9, "atoms in the universe": 80.0}  # powers of ten
SHOWN = (1, 4, 25, 100, 361)  # dimensions with a curve of their distances
# A squared difference of two uniform numbers has mean 1/6 and variance 7/180; a root halves a relative deviation.
NOISE_VARIATION = 0.5 * (7 / 180) ** 0.5 * 6
FRAMES = 48
BINS = np.linspace(0, 2.5, 101)


def coverage(
    output: LessonOutput,
    waits: dict[int, np.ndarray],
    needed: dict[int, float],
    line: tuple[float, float],
    random: np.random.Generator,
) -> None:
    """Cells of side 0.1 in 1, 2, 3 dimensions; the share covered against the number of samples; the extrapolation."""
    with output.figure("coverage", 12, 7.6) as figure:
        figure.suptitle("How many samples cover $[0,1]^d$ within 0.1? Ten times as many for each dimension more.")
        grid = figure.add_gridspec(2, 6, height_ratios=(1, 1.15))
        _line_of_cells(figure.add_subplot(grid[0, 0:2]), random)
        _square_of_cells(figure.add_subplot(grid[0, 2:4]), random)
        _cube_of_cells(figure.add_subplot(grid[0, 4:6], projection="3d"), random)
        _covered_share(figure.add_subplot(grid[1, 0:3]), waits, needed)
        _extrapolated(figure.add_subplot(grid[1, 3:6]), needed, line)


def _set_title(axes: Axes, hit: np.ndarray) -> None:
    axes.set_title(f"d = {hit.ndim}: {hit.size:,} random samples\nare in {hit.sum():,} of the {hit.size:,} cells")


def _line_of_cells(axes: Axes, random: np.random.Generator) -> None:
    points = random.random((CELLS, 1))
    hit = cells_hit(points)
    axes.imshow(hit[None], cmap="Blues", vmin=-0.4, vmax=3, extent=(0, 1, -0.05, 0.05), aspect="auto")
    axes.plot(points[:, 0], np.zeros(len(points)), "o", color=colour_of(1), markersize=5, markeredgecolor="white")
    axes.set(ylim=(-0.5, 0.5), yticks=[], xticks=(0, 0.5, 1))
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    axes.vlines(np.linspace(0, 1, CELLS + 1), -0.05, 0.05, color="grey", linewidth=0.8)
    _set_title(axes, hit)


def _square_of_cells(axes: Axes, random: np.random.Generator) -> None:
    points = random.random((CELLS**2, 2))
    hit = cells_hit(points)
    axes.imshow(hit.T, origin="lower", cmap="Blues", vmin=-0.4, vmax=3, extent=(0, 1, 0, 1))
    axes.plot(*points.T, "o", color=colour_of(1), markersize=4, markeredgecolor="white", markeredgewidth=0.5)
    axes.set_xticks(np.linspace(0, 1, CELLS + 1), minor=True)
    axes.set_yticks(np.linspace(0, 1, CELLS + 1), minor=True)
    axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axes.grid(visible=False)
    axes.grid(visible=True, which="minor", color="grey", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    _set_title(axes, hit)


def _cube_of_cells(axes: Axes3D, random: np.random.Generator) -> None:
    points = random.random((CELLS**3, 3))
    axes.scatter(*points.T, s=6, color=colour_of(1), alpha=0.6, linewidths=0, depthshade=False)
    _empty_cube(axes, (0, 1))
    axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), zticks=(0, 0.5, 1))
    _set_title(axes, cells_hit(points))


def _empty_cube(axes: Axes3D, ends: tuple[float, float]) -> None:
    """Draw the twelve edges of the cube, without walls."""
    axes.set_box_aspect((1, 1, 1), zoom=0.95)
    axes.grid(visible=False)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.pane.fill = False
        axis.pane.set_edgecolor("none")
    corners = np.array(list(product(ends, repeat=3)))
    for start, end in product(corners, corners):
        if (start != end).sum() == 1 and tuple(start) < tuple(end):
            axes.plot(*zip(start, end, strict=True), color="grey", linewidth=0.7)


def _covered_share(axes: Axes, waits: dict[int, np.ndarray], needed: dict[int, float]) -> None:
    for index, (dimensions, each) in enumerate(waits.items()):
        colour = colour_of(index)
        counts = np.unique(np.geomspace(1, each.max(), 200).round())
        measured = np.searchsorted(np.sort(each), counts, side="right") / len(each)
        axes.semilogx(counts, measured, color=colour, linewidth=2.5, label=f"d = {dimensions}, measured")
        axes.semilogx(counts, 1 - (1 - 0.1**dimensions) ** counts, "--", color="black", linewidth=1)
        share = np.searchsorted(np.sort(each), needed[dimensions], side="right") / len(each)
        axes.plot(needed[dimensions], share, mark_of(index), color=colour, markersize=8, markeredgecolor="white")
        axes.annotate(f"{needed[dimensions]:,.0f}", (needed[dimensions], share), (6, -12), textcoords="offset points")
    axes.plot([], [], "--", color="black", linewidth=1, label="$1-(1-0.1^d)^n$: borders left out")
    axes.set(xlabel="random samples n", ylabel="share of new points with a sample nearby")
    axes.set(xlim=(0.03, None), ylim=(0, 1.02))
    axes.set_title("nearby: within 0.05 on every axis")
    axes.legend(loc="upper left", fontsize=8.5)


def _extrapolated(axes: Axes, needed: dict[int, float], line: tuple[float, float]) -> None:
    dimensions = np.geomspace(1, 361, 100)
    powers = line[0] * dimensions + line[1]
    axes.loglog(dimensions, powers, "--", color="black", label="extrapolated")
    axes.loglog(list(needed), np.log10(list(needed.values())), "o", color=colour_of(0), markersize=8, label="measured")
    for name, power in LANDMARKS.items():
        axes.axhline(power, color=colour_of(1), linewidth=1, linestyle=":")
        axes.annotate(name, (1, power), (2, 3), textcoords="offset points", color=colour_of(1), fontsize=9)
    axes.plot(361, powers[-1], "s", color=colour_of(1), markersize=8)
    axes.annotate(
        f"a picture of 19x19:\n$10^{{{powers[-1]:.0f}}}$",
        (361, powers[-1]),
        (-62, -8),
        textcoords="offset points",
        ha="right",
        va="center",
    )
    ticks = (1, 2, 3, 10, 100, 361)
    axes.set_xticks(ticks, labels=map(str, ticks))
    axes.set_yticks(ticks, labels=[f"$10^{{{tick}}}$" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="dimensions d", ylabel="samples for 63 %", title="the same for more dimensions")
    axes.legend(loc="lower right", fontsize=9)


def dice(output: LessonOutput, throws: dict[int, np.ndarray]) -> None:
    """The 6, 36 and 216 outcomes of dice, and the number of throws until all were seen."""
    with output.figure("dice", 12, 3.8) as figure:
        figure.suptitle("Outcomes of d dice: $6^d$. Seeing each of them once takes many more throws.")
        grid = figure.add_gridspec(1, 4, width_ratios=(0.45, 1, 1.1, 1.3))
        values = np.arange(1, 7)
        one, two = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
        one.plot(np.zeros(6), values, "s", markersize=11, color=colour_of(0))
        one.set(title="d = 1: 6", xticks=[], yticks=values, ylabel="first die", xlim=(-1, 1))
        two.plot(*np.array(list(product(values, values))).T, "s", markersize=11, color=colour_of(0))
        two.set(title="d = 2: 36", xticks=values, yticks=values, xlabel="second die", aspect="equal")
        for axes in (one, two):
            axes.grid(visible=False)
            axes.set_ylim(0.4, 6.6)
        three = figure.add_subplot(grid[2], projection="3d")
        outcomes = np.array(list(product(values, repeat=3)))
        three.scatter(*outcomes.T, s=22, marker="s", c=outcomes.sum(1), cmap="cividis", depthshade=False)
        _empty_cube(three, (0.5, 6.5))
        three.set(title="d = 3: 216", xticks=values, yticks=values, zticks=values)
        _throws(figure.add_subplot(grid[3]), throws)


def _throws(axes: Axes, throws: dict[int, np.ndarray]) -> None:
    places = np.array(list(throws))
    outcomes = 6**places
    means = [each.mean() for each in throws.values()]
    spread = np.array([np.quantile(each, (0.05, 0.95)) for each in throws.values()]).T
    axes.bar(places, outcomes, 0.5, color=colour_of(5), label="outcomes $6^d$")
    axes.errorbar(
        places,
        means,
        abs(spread - means),
        fmt="o",
        color=colour_of(1),
        capsize=4,
        label="throws until all were seen:\nmean, and nine of ten trials",
    )
    expected = [expected_throws(count) for count in outcomes]
    axes.plot(places, expected, "_", color="black", markersize=22, label="expected, $n(1+1/2+...+1/n)$")
    for dice_count, count, mean in zip(places, outcomes, means, strict=True):
        axes.annotate(f"{count}", (dice_count, count), (0, -13), textcoords="offset points", ha="center")
        axes.annotate(f"{mean:,.0f}", (dice_count, mean), (12, -4), textcoords="offset points")
    axes.set(yscale="log", ylim=(1, 30_000), xticks=places, xlabel="dice d", xlim=(0.5, 3.7))
    axes.legend(loc="upper left", fontsize=8)


def distances(output: LessonOutput, noise: dict[int, np.ndarray]) -> None:
    """Distances between random points relative to their mean, and their spread against the dimension."""
    with output.figure("distances", 12, 4.2) as figure:
        figure.suptitle("As d grows, all distances between random points of $[0,1]^d$ become nearly equal")
        left, right = figure.subplots(1, 2)
        for index, dimensions in enumerate(SHOWN):
            _curve(left, noise[dimensions], index, f"d = {dimensions}")
        left.set(xlabel="distance of two points / mean distance", ylabel="density", xlim=(0, 2.5), ylim=(0, None))
        left.legend()
        _variations(right, {"uniform noise": noise})
        places = np.array(list(noise))
        right.plot(places, NOISE_VARIATION / np.sqrt(places), "--", color="black", label=r"large d: $0.59/\sqrt{d}$")
        right.set(title="spread of the distances")
        right.legend()


def _curve(axes: Axes, distances: np.ndarray, index: int, label: str) -> None:
    heights, edges = np.histogram(distances / distances.mean(), BINS, density=True)
    styles = ("-", "--", "-.", ":", "-")
    centres = (edges[:-1] + edges[1:]) / 2
    axes.plot(centres, heights, styles[index % len(styles)], color=colour_of(index), linewidth=2, label=label)


def _variations(axes: Axes, sets: dict[str, dict[int, np.ndarray]]) -> None:
    for index, (kind, by_dimension) in enumerate(sets.items()):
        spread = [contrast(each)["variation"] for each in by_dimension.values()]
        axes.loglog(list(by_dimension), spread, f"{mark_of(index)}-", color=colour_of(index), label=kind)
    ticks = next(iter(sets.values()))
    axes.set_xticks(list(ticks), labels=map(str, ticks))
    axes.set_yticks((0.03, 0.1, 0.3, 1), labels=("3 %", "10 %", "30 %", "100 %"))
    axes.minorticks_off()
    axes.set(xlabel="dimensions d", ylabel="standard deviation / mean")


def patches(
    output: LessonOutput,
    photographs: np.ndarray,
    noise: np.ndarray,
    distances: dict[str, dict[int, np.ndarray]],
    intrinsic: dict[str, dict[int, float]],
) -> None:
    """Patches of photographs beside noise of the same size: distances, and the intrinsic dimension of each set."""
    names = {"noise": "uniform noise", "patches": "patches of photographs"}
    dimensions = photographs.shape[1]
    with output.figure("patches", 12, 6.2) as figure:
        figure.suptitle(f"{dimensions} pixels are not {dimensions} dimensions: photographs fill few of them")
        rows = figure.add_gridspec(2, 1, height_ratios=(1, 1.9))
        strip = rows[0].subgridspec(2, 1, hspace=0.05)
        for index, (kind, points) in enumerate({"noise": noise, "patches": photographs}.items()):
            _strip(figure.add_subplot(strip[index]), points, names[kind].replace(" of ", "\nof "))
        below = rows[1].subgridspec(1, 3)
        left, middle, right = (figure.add_subplot(below[column]) for column in range(3))
        for index, (kind, name) in enumerate(names.items()):
            _curve(left, distances[kind][dimensions], index, name)
            by_dimension = intrinsic[kind]
            style = f"{mark_of(index)}-"
            right.loglog(list(by_dimension), list(by_dimension.values()), style, color=colour_of(index), label=name)
        left.set(xlabel="distance / mean distance", ylabel="density", title=f"distances, d = {dimensions}")
        left.set(xlim=(0, 2.5), ylim=(0, None))
        _variations(middle, {name: distances[kind] for kind, name in names.items()})
        middle.set_title("spread of the distances")
        _intrinsic_axes(right, list(intrinsic["noise"]))
        for axes in (left, middle, right):
            axes.legend(fontsize=8.5)


def _strip(axes: Axes, points: np.ndarray, label: str, count: int = 16) -> None:
    side = round(points.shape[1] ** 0.5)
    cells = np.ones((side, count * (side + 2) - 2))
    for index, point in enumerate(points[:count]):
        cells[:, index * (side + 2) : index * (side + 2) + side] = point.reshape(side, side)
    axes.imshow(cells, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_ylabel(label, rotation=0, ha="right", va="center")
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _intrinsic_axes(axes: Axes, dimensions: list[int]) -> None:
    axes.loglog(dimensions, dimensions, "--", color="black", linewidth=1, label="as many as pixels")
    axes.set_xticks(dimensions, labels=map(str, dimensions))
    axes.set_yticks((1, 3, 10, 30, 100, 300), labels=map(str, (1, 3, 10, 30, 100, 300)))
    axes.minorticks_off()
    axes.set(xlabel="pixels d", title="intrinsic dimension, from neighbours\n(an estimate, too low above 20)")


def concentration(output: LessonOutput, random: np.random.Generator, samples: int) -> None:
    """Animation: the distances between random points as d grows."""
    if not output.is_animated:
        return
    dimensions = np.unique(np.geomspace(1, max(SHOWN), FRAMES).round().astype(int))
    points = random.random((min(samples, 500), max(SHOWN)))  # frame d uses the first d coordinates
    with new_figure(6, 3.6) as figure:
        axes = figure.subplots()
        axes.set(xlabel="distance of two random points / mean distance", ylabel="density", xlim=(0, 2.5), yticks=[])
        bars = axes.stairs(np.zeros(len(BINS) - 1), BINS, fill=True, color=colour_of(0))
        frames = []
        for count in dimensions:
            away = pairwise_distances(points[:, :count])
            heights, _ = np.histogram(away / away.mean(), BINS, density=True)
            bars.set_data(heights)
            axes.set_ylim(0, 1.1 * heights.max())
            axes.set_title(f"d = {count}: spread {contrast(away)['variation']:.0%}")
            frames.append(render_figure(figure).transpose(2, 0, 1))
    still = [frames[0]] * 8, [frames[-1]] * 16
    output.animation("concentration", np.stack([*still[0], *frames, *still[1]]))
