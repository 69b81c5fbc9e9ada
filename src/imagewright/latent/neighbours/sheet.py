"""The sheet of neighbours: the samples most like copies beside their nearest training pictures, over all distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagewright.latent.neighbours.neighbours import Neighbours
from imagewright.latent.neighbours.verdict import SpaceComparison
from imagewright.output.figures import DOTS_PER_INCH, colour_of, new_figure, render_figure
from imagewright.output.provenance import COMPOSITE
from imagewright.output.sheets import Sheet
from imagewright.runs.provenance import run_record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 8
BESIDE = 5
PAPER = (250, 250, 250)
FIGURE_HEIGHT = 2.9  # inches


@dataclass(frozen=True, eq=False)
class NeighboursSheet(Sheet):
    """The labelled pictures, and under them a figure of all distances in `spaces`."""

    spaces: tuple[SpaceComparison, ...] = ()
    control: str = ""

    def draw(self) -> Image.Image:
        """The sheet as an RGB picture."""
        above = super().draw().convert("RGB")
        below = _draw_distances(self.spaces, self.control, above.width)
        whole = Image.new("RGB", (max(above.width, below.width), above.height + below.height), PAPER)
        whole.paste(above, (0, 0))
        whole.paste(below, (0, above.height))
        return whole


def neighbours_sheet(found: Neighbours) -> Sheet:
    """A row a sample: the sample, its five nearest in pixels and its five nearest in features, with their distances.

    A distance is relative to the median of the control.
    """
    beside = min(BESIDE, found.spaces[0].indices.shape[1], len(found.training) - 1)
    rows, captions = [], []
    for number in found.suspects()[:SHOWN].tolist():
        rows.append(found.samples[number : number + 1])
        captions.append(f"sample {number}" if found.samples_given else f"{found.seed}:{number}")
        for space in found.spaces:
            rows.append(_read(found, space.indices[number, :beside]))
            median = max(float(space.control_distances.median()), 1e-12)
            captions += [f"{float(each) / median:.2f}" for each in space.distances[number, :beside]]
    columns = [f"{space.space.split()[-1]} {rank + 1}" for space in found.spaces for rank in range(beside)]
    numbers = {space.space: {"share": space.share, "statistic": space.statistic} for space in found.spaces}
    settings: dict[str, Any] = {**found.settings, "control": found.control, **numbers}
    record = run_record("neighbours", found.model, seed=found.seed, settings=settings, source_type=COMPOSITE)
    return NeighboursSheet(
        torch.cat(rows),
        spaces=found.spaces,
        control=found.control.rstrip(","),
        column_labels=["", *columns],
        captions=captions,
        title=f"{record['model']}: the samples most like a training picture, of {len(found.samples):,}, beside the "
        "nearest. Distances: 1 is the control's median",
        record=record,
        notes=found.notes,
    )


def _read(found: Neighbours, indices: Tensor) -> Tensor:
    wanted, back = np.unique(indices.numpy(), return_inverse=True)
    return found.training.batch(wanted).images[torch.from_numpy(back)]


def _draw_distances(spaces: tuple[SpaceComparison, ...], control: str, width: int) -> Image.Image:
    with new_figure(width / DOTS_PER_INCH, FIGURE_HEIGHT) as figure:
        figure.set_facecolor("#{:02x}{:02x}{:02x}".format(*PAPER))
        panels = np.atleast_1d(figure.subplots(1, len(spaces)))
        for number, (axes, space) in enumerate(zip(panels, spaces, strict=True)):
            _draw_distributions(axes, space, control)
            if number == 0:
                axes.set_ylabel("share of pictures below")
                axes.legend(fontsize=8, loc="upper left")
        return Image.fromarray(render_figure(figure))


def _draw_distributions(axes: Axes, space: SpaceComparison, control: str) -> None:
    """The cumulative distributions of the relative distances of samples and control."""
    both: list[tuple[str, Any, str]] = [("samples", space.relative, "-"), (control, space.control_relative, "--")]
    for number, (label, values, style) in enumerate(both):
        axes.ecdf(values.numpy(), label=label, linestyle=style, color=colour_of(number))
    axes.axvline(space.threshold, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlim(left=0)
    axes.set_xlabel("distance to the nearest / mean of the next fifty")
    axes.set_title(
        f"{space.space}: {space.share:.1%} left of the control's 1%;  C_T {space.statistic:+.1f}", fontsize=9
    )
