"""The pictures of `components`: components, their variances, one picture rebuilt from k of them, and as their sum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagewright.analysis.components.methods import NAMES, SHARES, SINGULAR
from imagewright.output.diverging import signed_pixels
from imagewright.output.figures import colour_of, new_figure, save_figure
from imagewright.output.grids import draw_grid
from imagewright.pixels import to_uint8
from imagewright.statistics.decomposition import ELBOW_AMONG

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from imagewright.analysis.components.components import Components

MOST_SHOWN = 47  # components on the sheet: with the mean six rows of eight
SUMMANDS = 6
BARS = 30


def draw_components(found: Components, most: int = MOST_SHOWN) -> Image.Image:
    """The mean, and at most `most` components as signed pictures, each with its share of the variance."""
    parts = found.decomposition
    shown = min(most, len(parts.directions))
    pictures = np.concatenate([_opaque(parts.mean[None]), signed_pixels(parts.directions[:shown].numpy())])
    if "variance_between_to_within" in found.facts:
        ratios = found.facts["variance_between_to_within"][:shown]
        captions = [f"{place}: ratio {ratio:.3g}" for place, ratio in enumerate(ratios, 1)]
    else:
        captions = [f"{place}: {share:.2%}" for place, share in enumerate(parts.component_shares[:shown].tolist(), 1)]
    what = "the mean and " + (f"{shown} of {len(parts.directions)} " if shown < len(parts.directions) else f"{shown} ")
    title = f"{_source(found)}: {what}{NAMES[found.method]}; grey is zero, white positive, black negative"
    return draw_grid(pictures, min(8, len(pictures)), captions=["mean", *captions], title=title)


def draw_strip(found: Components) -> Image.Image:
    """The example picture rebuilt from k components for ascending k, and the picture itself."""
    pictures = torch.stack([picture for _, picture, _ in found.strip] + [found.picture])
    labels = [f"k = {count}" for count, _, _ in found.strip] + ["the picture"]
    captions = [f"error {error:.1f}" for _, _, error in found.strip] + [
        Path(found.images.name(found.picture_index)).name
    ]
    title = f"one picture from the mean and k {NAMES[found.method]}; error in grey levels of 255"
    return draw_grid(to_uint8(pictures), column_labels=labels, captions=captions, title=title)


def draw_sum(found: Components) -> Image.Image:
    """The example picture as the mean plus weighted components: the largest terms, and the partial sums."""
    parts, latents = found.decomposition, found.latents
    added = latents.view(-1, 1, 1, 1) * parts.directions
    largest = added.flatten(1).norm(dim=1).argsort(descending=True)[:SUMMANDS].sort().values
    rest = added.sum(0) - added[largest].sum(0)
    summands = torch.cat([added[largest], rest[None]]) if len(added) > len(largest) else added[largest]
    sums = parts.mean + torch.cat([torch.zeros_like(parts.mean)[None], summands.cumsum(0)])
    scale = float(summands.abs().quantile(0.997, dim=0).max()) if summands.numel() else 1.0
    top = signed_pixels(summands.numpy(), max(scale, 1e-6))
    blank = np.full_like(top[:1], 250)
    below = _opaque(torch.cat([sums, found.picture[None]]))
    labels = ["mean"] + [f"{float(latents[place]):+.2f} x {int(place) + 1}" for place in largest]
    labels += [f"other {len(added) - len(largest)}"] if len(added) > len(largest) else []
    title = f"one picture as a sum: the mean and weighted {NAMES[found.method]}"
    return draw_grid(
        np.concatenate([blank, top, blank, below]),
        row_labels=["term", "partial sum"],
        column_labels=[*labels, "the picture"],
        title=title,
    )


def write_variance(found: Components, path: Path, record: dict[str, object], *, force: bool) -> None:
    """Write the figure of the variance of each component, and of the first k together."""
    parts = found.decomposition
    with new_figure(11, 4) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
        if "variance_between_to_within" in found.facts:
            ratios = np.array(found.facts["variance_between_to_within"])[:BARS]
            left.bar(np.arange(1, len(ratios) + 1), ratios, color=colour_of(0))
            left.set(ylabel="variance between / within classes", title="separation of classes by each")
        else:
            _draw_bars(left, found)
        left.set_xlabel(SINGULAR[found.method])
        _draw_cumulative(right, parts.cumulative_shares, found)
        figure.suptitle(f"{_source(found)}: {len(found.images):,} pictures, {NAMES[found.method]}")
        save_figure(figure, path, record, force=force)


def _draw_bars(axes: Axes, found: Components) -> None:
    shares = 100 * found.decomposition.component_shares[: ELBOW_AMONG if found.elbow else BARS].numpy()
    places = np.arange(1, len(shares) + 1)
    inside = places <= (found.elbow or 0)
    axes.bar(places, shares, color=np.where(inside, colour_of(1), colour_of(0)))
    axes.set(ylabel="% of the variance", title="variance of each" if found.method == "pca" else "added by each")
    if found.elbow:
        axes.plot(places[[0, -1]], shares[[0, -1]], "--", color="grey", linewidth=1)
        axes.annotate(
            f"{found.elbow} before the elbow, where\nthe bars are farthest below the line",
            (found.elbow + 1, shares[found.elbow]),
            (0.36, 0.75),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "->", "color": "black"},
        )


def _draw_cumulative(axes: Axes, shares: Tensor, found: Components) -> None:
    known = 100 * np.concatenate([[0], shares.numpy()])
    axes.plot(np.arange(len(known)), known, color=colour_of(0), linewidth=2)
    counts = [count for count in found.counts.values() if count is not None]
    furthest = min(len(known) - 1, int(1.15 * counts[-1]) + 1 if len(counts) == len(SHARES) else len(known) - 1)
    for share, count in found.counts.items():
        axes.axhline(100 * share, color="grey", linewidth=0.8, linestyle=":")
        if count is not None:
            axes.plot([count, count], [0, 100 * share], color=colour_of(1), linewidth=1, linestyle="--")
            axes.plot(count, 100 * share, "o", color=colour_of(1))
    axes.set(xlim=(0, furthest), ylim=(0, 103), xlabel=f"first k {NAMES[found.method]}", ylabel="% of the variance")
    axes.set_title("variance explained by the first k together")
    needed = [
        f"{share:.0%}: {f'{count:,}' if count is not None else f'more than {len(known) - 1:,}'}"
        for share, count in found.counts.items()
    ]
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "#dddddd"}
    axes.text(0.96, 0.06, "\n".join(needed), transform=axes.transAxes, ha="right", va="bottom", bbox=box)


def _opaque(pictures: Tensor) -> np.ndarray:
    """(N, C, H, W) in [-1, 1] as uint8 without opacity, since signed pictures have none."""
    return to_uint8(pictures[:, :3]).numpy()


def _source(found: Components) -> str:
    return Path(found.images.source).name
