"""Clusters: pictures grouped by what they look like, or by where a run's encoder puts them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from imagewright.analysis.clusters.methods import Method, assigned, drawn, fitted, largest_first
from imagewright.analysis.clusters.sheet import draw_map, draw_rows, flattened
from imagewright.analysis.outliers.detectors import Projection
from imagewright.analysis.sheets import shown_size
from imagewright.analysis.spaces import BATCH, Edges, Latents, Pixels, Rows, Space, at_working_size
from imagewright.capabilities import Encodes, require
from imagewright.catalogue import name_of
from imagewright.errors import DataError, UserError
from imagewright.images import Images, open_images
from imagewright.output.writing import new_file, refuse_existing, write_image
from imagewright.verbs.apply import RunLike, images_for, resolve_model

ASSIGNMENTS, SHEET, MAP, REPORT = "clusters.csv", "sheet.png", "map.png", "report.json"
LOOKS: dict[str, tuple[type[Space], ...]] = {"looks": (Pixels, Edges), "pixels": (Pixels,), "edges": (Edges,)}
LEARNED_FROM = 20_000
"""The centres of more pictures are found on so many, drawn by the seed; all are then assigned."""

Progress = Callable[[int, int], None]


@dataclass
class Clusters:
    """What `find_clusters` found.

    `labels` int64 (N,): the cluster of each picture, the largest cluster is 0. `distances` float64 (N,): to its centre.
    `points` float32 (N, K): what was clustered. `tried`: the criterion of each number of clusters that was tried.
    `purity`, `mutual_information`: against the pictures' own labels, both from 0 to 1, where there are any.
    """

    images: Images
    labels: np.ndarray
    distances: np.ndarray
    points: np.ndarray
    method: Method
    space: str
    criterion: str
    tried: dict[int, float]
    purity: float | None
    mutual_information: float | None
    seed: int
    shown_size: tuple[int, int]
    notes: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max()) + 1

    @property
    def sizes(self) -> list[int]:
        """How many pictures each cluster has."""
        return np.bincount(self.labels).tolist()

    def to_dict(self) -> dict[str, Any]:
        """A summary, ready for JSON."""
        return {
            "source": self.images.source,
            "count": len(self.images),
            "clusters": self.count,
            "sizes": self.sizes,
            "method": self.method,
            "space": self.space,
            "dimensions": self.points.shape[1],
            "criterion": self.criterion,
            "tried": {str(count): value for count, value in self.tried.items()},
            "purity": self.purity,
            "normalised_mutual_information": self.mutual_information,
            "seed": self.seed,
            "notes": self.notes,
        }


def find_clusters(
    source: Any,
    *,
    clusters: int | Literal["auto"] = "auto",
    method: Method = "kmeans",
    space: str = "looks",
    run: RunLike | None = None,
    labels: str | Path | None = None,
    split: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Clusters:
    """Group the pictures of a source (as for `open_images`).

    `clusters`: how many, or `auto`: the number of the best silhouette (k-means; Rousseeuw 1987) or of the least BIC
    (gmm) among `TRIED`. `space`: `looks` (pixels and edges alike), `pixels`, `edges`; a `run` that encodes takes its
    place. Equal seeds give equal clusters.

    Raises `DataError` for pictures that cannot be grouped, `UserError` for more clusters than different pictures.
    """
    opened = open_images(source, labels=labels, split=split)
    images = (at_working_size(opened) if run is None else images_for(run, opened)).prepare()
    if len(images) < 2:
        raise DataError(f"{images.source} holds one picture: there is nothing to group. Two or more were expected.")
    if clusters != "auto" and not 1 <= clusters <= len(images):
        raise UserError(f"clusters={clusters}, but {len(images):,} pictures make 1 to {len(images):,} clusters.")
    notes = list(images.notes)
    spaces = _spaces(space, run, opened, notes)
    points = _points(images, spaces, seed, progress, notes)
    sample = drawn(len(points), LEARNED_FROM, seed)
    if len(sample) < len(points):
        notes.append(f"The centres were found on {len(sample):,} pictures drawn by the seed; all were assigned.")
    different = len(np.unique(points[sample], axis=0))
    if clusters != "auto" and clusters > different:
        raise UserError(f"clusters={clusters}, but only {different:,} pictures differ: ask for {different} or fewer.")
    clustering, tried = fitted(points[sample], clusters, method, different, seed, notes)
    found, distances = assigned(clustering, points)
    found = largest_first(found)
    purity, information = _agreement(found, images.labels)
    where = name_of(resolve_model(run)) + " latents" if run is not None else space
    criterion = "silhouette" if method == "kmeans" else "BIC"
    return Clusters(
        images, found, distances, points, method, where, criterion, tried, purity, information, seed,
        shown_size(opened.size), notes,
    )  # fmt: skip


def _spaces(space: str, run: RunLike | None, images: Images, notes: list[str]) -> list[Space]:
    if run is None:
        if space not in LOOKS:
            raise UserError(f"space={space!r} is unknown: expected {', '.join(LOOKS)}, or a run.")
        return [kind() for kind in LOOKS[space]]
    model = resolve_model(run)
    require(model, Encodes)
    if images.size != model.config.size or images.channels != model.config.channels:
        height, width = model.config.size
        notes.append(f"For the run the pictures were resized to {height}x{width}x{model.config.channels}.")
    return [Latents(model)]


def _points(
    images: Images, spaces: Sequence[Space], seed: int, progress: Progress | None, notes: list[str]
) -> np.ndarray:
    """Coordinates float32 (N, K) along the components that explain 90 % of each space, half whitened.

    Divided by the fourth root of their variances: between the plain components, where the first few decide all, and
    white ones, where the last count as much as the first. Spaces then weigh the same.
    """
    done, total = [0], len(images) * len(spaces)

    def told(count: int) -> None:
        done[0] += count
        if progress is not None:
            progress(done[0], total)

    parts = []
    for space in spaces:
        opened = space.opened(images).prepare()
        projection = Projection(Rows(opened, space), seed)
        if not projection.varies:
            continue
        kept = projection.ordinary()
        scale = projection.variances[:kept].clamp(min=1e-12) ** -0.25
        rows = [projection(block).coordinates[:, :kept] * scale for block in Rows(opened, space, told).batches(BATCH)]
        points = torch.cat(rows)
        parts.append(points / points.square().sum(1).mean().sqrt())
    if not parts:
        raise DataError(f"All {len(images):,} pictures of {images.source} are equal: there is nothing to tell them by.")
    if len(parts) < len(spaces):
        notes.append("In one of the spaces the pictures are all equal: it was left out.")
    return torch.cat(parts, dim=1).numpy()


def _agreement(found: np.ndarray, labels: np.ndarray | None) -> tuple[float | None, float | None]:
    """Purity (the share of pictures that are of their cluster's commonest class) and NMI; None without labels."""
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    if labels is None:
        return None, None
    table = contingency_matrix(labels, found)
    return float(table.max(axis=0).sum() / table.sum()), float(normalized_mutual_info_score(labels, found))


def output_paths(folder: str | Path) -> list[Path]:
    """What `write_clusters` writes into a folder."""
    return [Path(folder) / name for name in (ASSIGNMENTS, SHEET, MAP, REPORT)]


def write_clusters(
    found: Clusters,
    folder: str | Path,
    *,
    way: Literal["pca", "tsne"] = "tsne",
    thumbnails: bool = False,
    force: bool = False,
) -> list[Path]:
    """Write `clusters.csv`, `sheet.png`, `map.png` and `report.json` into a folder. Returns their paths."""
    paths = output_paths(folder)
    refuse_existing(paths, force=force)
    with new_file(paths[0], force=force) as file:
        file.write(_table(found).encode("utf-8", "surrogateescape"))
    title = f"{Path(found.images.source).name}: {len(found.images):,} pictures, {found.count} clusters in {found.space}"
    sheet = draw_rows(found.images, found.labels, found.distances, title, found.shown_size)
    write_image(sheet, paths[1], force=force)
    chosen, flat = flattened(found.points, way, found.seed)
    draw_map(found.images, found.labels, chosen, flat, way, thumbnails, title, paths[2], force=force)
    with new_file(paths[3], force=force) as file:
        file.write(json.dumps(found.to_dict(), indent=2).encode("utf-8", "replace"))
    return paths


def _table(found: Clusters) -> str:
    images, text = found.images, io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    names = images.class_names
    rows.writerow(["name", "cluster", "distance", *(["label"] if names is not None else [])])
    for index in range(len(images)):
        row = [images.name(index), int(found.labels[index]), f"{found.distances[index]:.6g}"]
        if names is not None and images.labels is not None:
            row.append(names[images.labels[index]])
        rows.writerow(row)
    return text.getvalue()
