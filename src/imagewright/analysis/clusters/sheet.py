"""The pictures of a clustering: a row a cluster, and a map of all in the plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from imagewright.analysis.sheets import pictures_of
from imagewright.images import Images
from imagewright.output.figures import colour_of, mark_of, new_figure, save_figure
from imagewright.output.grids import draw_grid

if TYPE_CHECKING:
    from PIL import Image

CENTRAL, STRANGE = 7, 3
ROWS = 40
"""At most so many clusters are on the sheet, the largest ones."""
POINTS = 2_000
"""Pictures on the map, spread evenly over the set: t-SNE of more takes minutes, and dots hide each other."""
THUMBNAILS = 150


def draw_rows(
    images: Images, labels: np.ndarray, distances: np.ndarray, title: str, size: tuple[int, int]
) -> Image.Image:
    """A row a cluster: the pictures nearest to its centre, then the strangest of it."""
    clusters = min(int(labels.max()) + 1, ROWS)
    cells, row_labels = [], []
    for cluster in range(clusters):
        members = np.flatnonzero(labels == cluster)
        members = members[np.argsort(distances[members], kind="stable")]
        strange = members[::-1][: min(STRANGE, max(len(members) - CENTRAL, 0))]
        row = np.full(CENTRAL + STRANGE, -1)
        row[: min(len(members), CENTRAL)] = members[:CENTRAL]
        row[CENTRAL : CENTRAL + len(strange)] = strange
        cells.append(row)
        row_labels.append(f"{cluster}: {len(members):,}{_commonest(images, members)}")
    if clusters < labels.max() + 1:
        title += f" (the {clusters} largest)"
    columns = ["centre", *[""] * (CENTRAL - 1), "strangest", *[""] * (STRANGE - 1)]
    pictures = pictures_of(images, np.concatenate(cells), size)
    return draw_grid(pictures, row_labels=row_labels, column_labels=columns, title=title)


def _commonest(images: Images, members: np.ndarray) -> str:
    """The commonest class of a cluster and its share, where classes are known."""
    if images.labels is None or images.class_names is None:
        return ""
    counts = np.bincount(images.labels[members], minlength=len(images.class_names))
    return f", {counts.max() / len(members):.0%} are {images.class_names[int(counts.argmax())]}"


def flattened(points: np.ndarray, way: Literal["pca", "tsne"], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the pictures shown, and their places in the plane (M, 2)."""
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), POINTS)).round().astype(np.int64))
    shown = points[chosen].astype(np.float64)
    centred = shown - shown.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    flat = centred @ axes.T
    flat = np.hstack([flat, np.zeros((len(flat), 2 - flat.shape[1]))])
    if way == "pca" or len(chosen) < 8:
        return chosen, flat
    from sklearn.manifold import TSNE

    spread = max(float(flat[:, 0].std()), 1e-12)
    perplexity = min(30.0, (len(chosen) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init=flat / spread * 1e-4, random_state=seed).fit_transform(shown)
    return chosen, np.asarray(plane)


def draw_map(
    images: Images,
    labels: np.ndarray,
    chosen: np.ndarray,
    flat: np.ndarray,
    way: str,
    thumbnails: bool,
    title: str,
    path: Path,
    *,
    force: bool = False,
) -> Path:
    """The plane: a mark and a colour a cluster, or thumbnails, and its number written at its middle."""
    found = labels[chosen]
    with new_figure(8.5, 7.5) as figure:
        axes = figure.subplots()
        for cluster in np.unique(found).tolist():
            here = flat[found == cluster]
            style: dict[str, Any] = {"color": colour_of(cluster), "marker": mark_of(cluster)}
            axes.scatter(here[:, 0], here[:, 1], s=14, linewidths=0, alpha=0.75, **style)
        if thumbnails:
            _draw_thumbnails(axes, images, chosen, flat)
        for cluster in np.unique(found).tolist():
            middle = np.median(flat[found == cluster], axis=0)
            box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": colour_of(cluster), "alpha": 0.9}
            axes.text(
                middle[0],
                middle[1],
                str(cluster),
                ha="center",
                va="center",
                fontsize=9,
                weight="bold",
                bbox=box,
                zorder=5,
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set_aspect("equal", adjustable="datalim")
        by = "t-SNE" if way == "tsne" else "first two principal components"
        axes.set_title(
            f"{title}\n{len(chosen):,} of them by {by}; the number stands at a cluster's middle", fontsize=10
        )
        return save_figure(figure, path, force=force)


def _draw_thumbnails(axes: Any, images: Images, chosen: np.ndarray, flat: np.ndarray) -> None:
    """Some of the pictures at their places: from a grid over the plane one of each cell, so that few overlap."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    side = int(np.sqrt(THUMBNAILS))
    extent = np.maximum(flat.max(axis=0) - flat.min(axis=0), 1e-12)
    cells = np.minimum(((flat - flat.min(axis=0)) / extent * side).astype(int), side - 1)
    some = np.unique(cells[:, 0] * side + cells[:, 1], return_index=True)[1]
    height, width = images.size
    pictures = images.batch(chosen[some]).images.permute(0, 2, 3, 1).numpy()
    for place, picture in zip(flat[some], pictures, strict=True):
        shown = picture[..., 0] if picture.shape[2] == 1 else picture
        image = OffsetImage(shown, zoom=24 / max(height, width), cmap="gray")
        axes.add_artist(AnnotationBbox(image, tuple(place), frameon=False, pad=0))
