"""The figures of the lesson on eigenfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from imagewright.lessons.base import LessonOutput
from imagewright.lessons.eigenfaces.plane import Plane, axes_at
from imagewright.output.diverging import signed_pixels
from imagewright.output.figures import colour_of, mark_of, new_figure, render_figure
from imagewright.pixels import to_uint8
from imagewright.statistics.decomposition import Decomposition

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

SHOWN = 17
TURNS, DROPS = 36, 20  # frames


def errors(pictures: Tensor, rebuilt: Tensor) -> np.ndarray:
    """Root mean squared errors in grey levels of rebuilt pictures (n, k, C, H, W) of pictures (n, C, H, W): (n, k)."""
    return ((rebuilt - pictures[:, None]).square().mean((2, 3, 4)).sqrt() * 127.5).numpy()


def axes(output: LessonOutput, parts: Decomposition, learned: int) -> None:
    """The mean picture and the first axes, with the share of variance along each."""
    shown = min(SHOWN, len(parts.directions))
    pictures = [to_uint8(parts.mean[None])[0].numpy(), *signed_pixels(parts.directions[:shown].numpy())]
    titles = ["the mean"] + [
        f"axis {number}: {share:.1%}" for number, share in enumerate(parts.component_shares[:shown].tolist(), 1)
    ]
    columns = 6
    with output.figure("axes", 10, 1.95 * -(-len(pictures) // columns) + 0.5) as figure:
        figure.suptitle(f"The mean of {learned:,} pictures, and the axes along which they vary most (grey is zero)")
        cells = figure.subplots(-(-len(pictures) // columns), columns, squeeze=False).flatten()
        for axes_of_cell in cells:
            axes_of_cell.axis("off")
        for cell, picture, title in zip(cells, pictures, titles, strict=False):
            _picture(cell, picture)
            cell.set_title(title, fontsize=9.5)


def strip(output: LessonOutput, rows: dict[str, Tensor], rebuilt: dict[str, Tensor], counts: list[int]) -> None:
    """Pictures rebuilt from the mean and the first k axes, with the error below each."""
    pictures = torch.cat(list(rows.values()))
    made = torch.cat(list(rebuilt.values()))
    kinds = [kind for kind, some in rows.items() for _ in some]
    off = errors(pictures, made)
    with output.figure("strip", 1.05 * (len(counts) + 2), 1.28 * len(pictures) + 0.6) as figure:
        figure.suptitle("Pictures rebuilt from the mean and their first k coordinates; error in grey levels of 255")
        cells = figure.subplots(len(pictures), len(counts) + 1, squeeze=False)
        for row, (kind, cells_of_row) in enumerate(zip(kinds, cells, strict=True)):
            for column, count in enumerate(counts):
                _picture(cells_of_row[column], to_uint8(made[row, column][None])[0].numpy())
                cells_of_row[column].set_xlabel(f"{off[row, column]:.0f}", fontsize=9, labelpad=2)
                if row == 0:
                    cells_of_row[column].set_title(f"k = {count}" if count else "the mean", fontsize=10)
            _picture(cells_of_row[-1], to_uint8(pictures[row][None])[0].numpy())
            cells_of_row[0].set_ylabel(kind.replace(" ", "\n"), rotation=0, ha="right", va="center")
        cells[0, -1].set_title("picture", fontsize=10)


def _picture(axes_of_cell: Axes, pixels: np.ndarray) -> None:
    """Draw a picture (C, H, W) without ticks."""
    shown = pixels[:3].transpose(1, 2, 0)
    axes_of_cell.imshow(shown[..., 0] if shown.shape[2] == 1 else shown, cmap="gray", vmin=0, vmax=255)
    axes_of_cell.grid(visible=False)
    axes_of_cell.set(xticks=[], yticks=[])
    for spine in axes_of_cell.spines.values():
        spine.set_visible(False)


def variance(output: LessonOutput, shares: dict[str, Tensor]) -> None:
    """The share of variance explained by the first k axes, for training pictures and for held-out ones."""
    with output.figure("variance", 7, 4) as figure:
        axis = figure.subplots()
        for index, (kind, share) in enumerate(shares.items()):
            known = 100 * np.concatenate([[0], share.numpy()])
            style: dict[str, Any] = {"markevery": max(1, len(known) // 10), "marker": mark_of(index), "linewidth": 2}
            axis.plot(np.arange(len(known)), known, color=colour_of(index), label=f"pictures {kind}", **style)
        for level in (90, 95, 99):
            axis.axhline(level, color="grey", linewidth=0.8, linestyle=":")
        axis.set(xlabel="first k axes", ylabel="% of the variance explained", ylim=(0, 102), xlim=(0, None))
        axis.set_title("A few axes explain most; the last ones fit the training pictures only")
        axis.legend(loc="lower right")


def basis(output: LessonOutput, plane: Plane) -> None:
    """Three panels: two pixels as axes, the axes turned, the second axis dropped."""
    with output.figure("basis", 12, 4.4) as figure:
        figure.suptitle("A change of basis in two dimensions: turn the axes, then drop the one of least variance")
        before, turned, dropped = figure.subplots(1, 3)
        centred, mean = plane.centred, plane.points.mean(0)
        limits = _limits(plane)
        before.plot(*plane.points.T, ".", color=colour_of(0), markersize=5)
        for index, label in ((0, "1st"), (1, "2nd")):
            reach = axes_at(plane.angle)[index] * 2 * np.sqrt((centred @ axes_at(plane.angle)[index]).var())
            arrow = {"arrowstyle": "-|>", "color": colour_of(1), "linewidth": 2.5}
            before.annotate("", mean + reach, mean, arrowprops=arrow)
            before.annotate(label, mean + reach, (4, 4), textcoords="offset points", color=colour_of(1), weight="bold")
        names = [f"pixel in row {row}, column {column}" for row, column in plane.places]
        before.set(title=f"axes: two pixels\n{_describe(plane.before)}", xlabel=names[0], ylabel=names[1])
        before.set(xlim=mean[0] + limits, ylim=mean[1] + limits)
        along = centred @ axes_at(plane.angle).T
        turned.plot(*along.T, ".", color=colour_of(0), markersize=5)
        turned.set(title=f"axes turned by {np.degrees(plane.angle):.0f} degrees\n{_describe(plane.after)}")
        turned.set(xlabel="1st principal axis", ylabel="2nd principal axis", xlim=limits, ylim=limits)
        back = mean + np.outer(along[:, 0], axes_at(plane.angle)[0])
        dropped.plot(*np.stack([plane.points, back]).transpose(2, 0, 1), color="#bbbbbb", linewidth=0.8)
        dropped.plot(*plane.points.T, ".", color=colour_of(0), markersize=5, label="two numbers each")
        dropped.plot(*back.T, "s", color=colour_of(1), markersize=3, label="one number each")
        dropped.set(title=f"2nd axis dropped, seen as pixels\n{plane.after[0]:.1%} of the variance remains")
        dropped.set(xlabel=names[0], xlim=mean[0] + limits, ylim=mean[1] + limits)
        dropped.legend(loc="upper left", fontsize=9)
        for axis in (before, turned, dropped):
            axis.set_aspect("equal")


def _limits(plane: Plane) -> np.ndarray:
    return np.array([-1.12, 1.12]) * np.linalg.norm(plane.centred, axis=1).max()


def _describe(shares: tuple[float, float]) -> str:
    return f"variance along them: {shares[0]:.0%} and {shares[1]:.0%}"


def turning(output: LessonOutput, plane: Plane) -> None:
    """Animation: the axes turn until the first has most of the variance; then the second is dropped."""
    if not output.is_animated:
        return
    angles = plane.angle * (1 - np.cos(np.linspace(0, np.pi, TURNS))) / 2
    frames: list[np.ndarray] = []
    with new_figure(9, 4.6) as figure:
        cloud, bars = figure.subplots(1, 2, width_ratios=(1.35, 1))
        for angle in angles:
            if frames:
                figure.set_layout_engine("none")  # all frames have the first one's layout, so that panels do not move
            frames.append(_frame(figure, (cloud, bars), plane, angle, remaining=1.0))
        for remaining in np.linspace(1, 0, DROPS):
            frames.append(_frame(figure, (cloud, bars), plane, plane.angle, remaining=float(remaining)))
    still = [frames[0]] * 8, [frames[TURNS - 1]] * 12, [frames[-1]] * 20
    moving = [*still[0], *frames[:TURNS], *still[1], *frames[TURNS:], *still[2]]
    output.animation("turning", np.stack(moving))


def _frame(figure: Figure, panels: tuple[Axes, Axes], plane: Plane, angle: float, remaining: float) -> np.ndarray:
    """One frame, (3, H, W): axes at an angle, coordinates along the second axis multiplied by `remaining`."""
    cloud, bars = panels
    cloud.clear()
    bars.clear()
    limits, turned = _limits(plane), axes_at(angle)
    for index in (0, 1):
        ends = np.outer(limits, turned[index]) * (remaining if index else 1)
        cloud.plot(*ends.T, color=colour_of(index + 1), linewidth=2.5, linestyle=("-", "--")[index])
    along = plane.centred @ turned.T
    along[:, 1] *= remaining
    cloud.plot(*(along @ turned).T, ".", color=colour_of(0), markersize=5)
    cloud.set(xlim=limits, ylim=limits, aspect="equal", xlabel="one pixel", ylabel="another pixel")
    cloud.set_title("the points stay in place, the axes turn" if remaining == 1 else "the second axis is dropped")
    shares = plane.shares_at(angle)
    heights = [100 * shares[0], 100 * shares[1] * remaining**2]
    bars.bar(["1st axis", "2nd axis"], heights, color=[colour_of(1), colour_of(2)], hatch=["", "//"], edgecolor="white")
    for position, height in enumerate(heights):
        bars.annotate(f"{height:.0f} %", (position, height), (0, 3), textcoords="offset points", ha="center")
    bars.set(
        ylim=(0, 110), ylabel="% of the variance along the axis", title=f"turned by {np.degrees(angle):.0f} degrees"
    )
    return render_figure(figure).transpose(2, 0, 1)
