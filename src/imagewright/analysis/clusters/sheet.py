"""The pictures of a clustering: a sheet with a row for each cluster, and a map of all pictures in the plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.analysis.clusters.methods import MapLayout
from imagewright.analysis.sheets import load_pictures
from imagewright.images import Images
from imagewright.output.figures import colour_of, mark_of, new_figure, save_figure
from imagewright.output.grids import draw_grid

if TYPE_CHECKING:
    from PIL import Image

CENTRAL, STRANGE = 7, 3  # pictures in a row: nearest to the centre, and farthest from it
ROWS = 40
"""The most clusters on the sheet; of more, the largest ones."""
POINTS = 2_000
"""Pictures on the map, spread evenly over the set: t-SNE of more takes minutes, and marks would cover each other."""
THUMBNAILS = 150
THUMBNAIL_SIDE = 24  # points


def draw_cluster_rows(
    images: Images, labels: np.ndarray, distances: np.ndarray, title: str, size: tuple[int, int]
) -> Image.Image:
    """The sheet: for each cluster the pictures nearest to its centre, then the ones farthest from it.

    images: N pictures.
    labels: the cluster of each, int64 (N,).
    distances: to the cluster's centre, (N,).
    title: of the sheet.
    size: (height, width) of the pictures on it.
    """
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
        row_labels.append(f"{cluster}: {len(members):,}{_most_common_class(images, members)}")
    if clusters < labels.max() + 1:
        title += f" (the {clusters} largest)"
    columns = ["centre", *[""] * (CENTRAL - 1), "strangest", *[""] * (STRANGE - 1)]
    pictures = load_pictures(images, np.concatenate(cells), size)
    return draw_grid(pictures, row_labels=row_labels, column_labels=columns, title=title)


def _most_common_class(images: Images, members: np.ndarray) -> str:
    """The most common class of a cluster and its share, or nothing if the pictures have no labels."""
    if images.labels is None or images.class_names is None:
        return ""
    labels = images.labels[members]
    counts = np.bincount(labels[labels >= 0], minlength=len(images.class_names))
    if not counts.any():
        return ""
    return f", {counts.max() / len(members):.0%} are {images.class_names[int(counts.argmax())]}"


def project_to_plane(points: np.ndarray, layout: MapLayout, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The indices (M,) of the pictures shown, and their coordinates in the plane (M, 2).

    points: (N, D).
    layout: "tsne", or "pca" for the first two principal components (also used for fewer than 8 pictures).
    seed: of t-SNE.
    """
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), POINTS)).round().astype(np.int64))
    shown = points[chosen].astype(np.float64)
    centred = shown - shown.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    flat = centred @ axes.T
    flat = np.hstack([flat, np.zeros((len(flat), 2 - flat.shape[1]))])
    if layout == "pca" or len(chosen) < 8:
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
    layout: MapLayout,
    thumbnails: bool,
    title: str,
    path: Path,
    *,
    force: bool = False,
) -> Path:
    """Write the map: a mark and a colour for each cluster, and its number at the median of its pictures.

    images: N pictures.
    labels: the cluster of each, int64 (N,).
    chosen: the indices of the pictures shown, (M,).
    flat: their coordinates, (M, 2).
    layout: how these were computed, for the title.
    thumbnails: whether to draw some pictures too.
    title: of the map.
    path: of the file.
    force: whether to replace an existing file.
    """
    found = labels[chosen]
    with new_figure(8.5, 7.5) as figure:
        axes = figure.subplots()
        for cluster in np.unique(found).tolist():
            here = flat[found == cluster]
            style: dict[str, Any] = {"color": colour_of(cluster), "marker": mark_of(cluster)}
            axes.scatter(here[:, 0], here[:, 1], s=14, linewidths=0, alpha=0.75, **style)
        if thumbnails:
            _draw_thumbnails(axes, images, labels, chosen, flat)
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
        by = "t-SNE" if layout == "tsne" else "first two principal components"
        axes.set_title(f"{title}\n{len(chosen):,} of them by {by}; each cluster's number is at its median", fontsize=10)
        return save_figure(figure, path, force=force)


def _draw_thumbnails(axes: Any, images: Images, labels: np.ndarray, chosen: np.ndarray, flat: np.ndarray) -> None:
    """Draw some pictures at their coordinates, in frames of their clusters' colours and with their numbers.

    One from each cell of a grid over the plane, so that few overlap.
    """
    from matplotlib.colors import Normalize
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    side = int(np.sqrt(THUMBNAILS))
    extent = np.maximum(flat.max(axis=0) - flat.min(axis=0), 1e-12)
    cells = np.minimum(((flat - flat.min(axis=0)) / extent * side).astype(int), side - 1)
    some = np.unique(cells[:, 0] * side + cells[:, 1], return_index=True)[1]
    height, width = images.size
    pictures = images.batch(chosen[some]).images.permute(0, 2, 3, 1).numpy()
    zoom = THUMBNAIL_SIDE / max(height, width)
    for index, place, picture in zip(chosen[some], flat[some], pictures, strict=True):
        shown = picture[..., 0] if picture.shape[2] == 1 else picture
        cluster = int(labels[index])
        frame = {"edgecolor": colour_of(cluster), "linewidth": 1.6, "boxstyle": "square,pad=0"}
        image = OffsetImage(shown, zoom=zoom, cmap="gray", norm=Normalize(0, 255))
        axes.add_artist(AnnotationBbox(image, tuple(place), pad=0.1, bboxprops=frame))
        corner = (-width * zoom / 2, height * zoom / 2)  # colours repeat after eight clusters, numbers do not
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85}
        axes.annotate(
            str(cluster), tuple(place), corner, textcoords="offset points", fontsize=5, ha="left", va="top", bbox=box
        )
