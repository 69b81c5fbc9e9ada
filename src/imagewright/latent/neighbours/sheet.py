"""The sheet of neighbours: the samples most like copies beside the nearest training pictures, and all distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagewright.latent.neighbours.neighbours import Neighbours
from imagewright.latent.neighbours.verdict import Compared
from imagewright.output.figures import DOTS_PER_INCH, colour_of, new_figure, render_figure
from imagewright.output.grids import draw_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 8
BESIDE = 5
PAPER = (250, 250, 250)
FIGURE_HEIGHT = 2.9  # inches


def draw_neighbours(found: Neighbours, title: str) -> Image.Image:
    """A row a sample: itself, its five nearest in pixels, its five nearest in features; under them the distances."""
    suspects = found.suspects()[:SHOWN]
    beside = min(BESIDE, found.spaces[0].places.shape[1], len(found.training) - 1)
    rows, captions = [], []
    for number in suspects.tolist():
        rows.append(found.samples[number : number + 1])
        captions.append(f"sample {number}")
        for space in found.spaces:
            rows.append(_pictures(found, space.places[number, :beside]))
            usual = max(float(space.control_distances.median()), 1e-12)
            captions += [f"{float(each) / usual:.2f}" for each in space.distances[number, :beside]]
    columns = [f"{space.space.split()[-1]} {place + 1}" for space in found.spaces for place in range(beside)]
    sheet = draw_grid(torch.cat(rows), column_labels=["", *columns], captions=captions, title=title)
    return _stacked(sheet.convert("RGB"), _figure(found, sheet.width))


def _pictures(found: Neighbours, places: Tensor) -> Tensor:
    wanted, back = np.unique(places.numpy(), return_inverse=True)
    return found.training.batch(wanted).images[torch.from_numpy(back)]


def _figure(found: Neighbours, width: int) -> Image.Image:
    with new_figure(width / DOTS_PER_INCH, FIGURE_HEIGHT) as figure:
        figure.set_facecolor("#{:02x}{:02x}{:02x}".format(*PAPER))
        for place, (axes, space) in enumerate(
            zip(np.atleast_1d(figure.subplots(1, len(found.spaces))), found.spaces, strict=True)
        ):
            _distributions(axes, space, found.control.rstrip(","))
            if place == 0:
                axes.set_ylabel("share of pictures below")
                axes.legend(fontsize=8, loc="upper left")
        return Image.fromarray(render_figure(figure))


def _distributions(axes: Axes, space: Compared, control: str) -> None:
    """The cumulative shares of samples and control by their relative distance."""
    both: list[tuple[str, Any, str]] = [("samples", space.relative, "-"), (control, space.control_relative, "--")]
    for number, (label, values, style) in enumerate(both):
        axes.ecdf(values.numpy(), label=label, linestyle=style, color=colour_of(number))
    axes.axvline(space.threshold, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlim(left=0)
    axes.set_xlabel("distance to the nearest / mean of the next fifty")
    axes.set_title(
        f"{space.space}: {space.share:.1%} left of the control's 1%;  $C_T$ {space.statistic:+.1f}", fontsize=9
    )


def _stacked(above: Image.Image, below: Image.Image) -> Image.Image:
    whole = Image.new("RGB", (max(above.width, below.width), above.height + below.height), PAPER)
    whole.paste(above, (0, 0))
    whole.paste(below, (0, above.height))
    return whole
