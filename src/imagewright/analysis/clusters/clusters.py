"""Clusters of pictures, by pixels and edges or by the latents of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from imagewright.analysis.clusters.methods import (
    ClusterMethod,
    MapLayout,
    assign,
    fit_clusters,
    number_by_size,
    sample_rows,
)
from imagewright.analysis.feature_tables import BATCH, FeatureTable
from imagewright.analysis.identities import ComparedFeatures, open_space
from imagewright.analysis.outliers.detectors import PrincipalProjection
from imagewright.analysis.sheets import sheet_size
from imagewright.analysis.spaces import (
    EdgeFeatures,
    FeatureExtractor,
    LatentFeatures,
    PixelFeatures,
    at_working_size,
)
from imagewright.capabilities import Encodes, require
from imagewright.catalogue import name_of
from imagewright.errors import DataError, UserError
from imagewright.files import written_together
from imagewright.images import Images, open_images
from imagewright.images.label_arrays import LabelsLike
from imagewright.notebooks import NotebookDisplay
from imagewright.output.tables import write_table
from imagewright.output.writing import new_file, refuse_existing, write_image
from imagewright.pixels import size_text
from imagewright.progress import Progress, ProgressCounter
from imagewright.reprs import MORE, WRITES, short_repr
from imagewright.verbs.apply import RunLike, images_for, resolve_model

ASSIGNMENTS, SHEET, MAP, POSITIONS, REPORT = "clusters.csv", "sheet.png", "map.png", "map.csv", "report.json"
SPACES: dict[str, tuple[type[FeatureExtractor], ...]] = {
    "looks": (PixelFeatures, EdgeFeatures),
    "pixels": (PixelFeatures,),
    "edges": (EdgeFeatures,),
}
MOST_FITTED = 20_000
"""Pictures that the centres are fitted to; of more, a random sample. All are then assigned."""


@dataclass(kw_only=True)
class Clusters(NotebookDisplay):
    """What `cluster` returns: the cluster of each of N pictures."""

    images: Images
    labels: np.ndarray  # int64 (N,), the cluster of each picture; cluster 0 is the largest
    distances: np.ndarray  # float64 (N,), to the cluster's centre
    points: np.ndarray  # float32 (N, K), the coordinates that were clustered
    method: ClusterMethod
    space: str
    criterion: str  # what chose the number of clusters: silhouette or BIC
    tried: dict[int, float]  # the criterion by number of clusters
    purity: float | None  # against the pictures' labels, from 0 to 1; None without labels
    mutual_information: float | None  # normalised, from 0 to 1; None without labels
    seed: int
    sheet_size: tuple[int, int]  # (height, width) of the pictures on the sheet
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        what = f"{self.count} clusters of {len(self.images):,} pictures in {self.space}"
        return short_repr(self, what, ".labels", WRITES, MORE)

    @property
    def count(self) -> int:
        """The number of clusters."""
        return int(self.labels.max()) + 1

    @property
    def sizes(self) -> list[int]:
        """The number of pictures of each cluster."""
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

    def lines(self) -> list[str]:
        """A summary in sentences."""
        lines = list(self.notes)
        if len(self.tried) > 1:
            values = ", ".join(f"{count}: {value:.4g}" for count, value in self.tried.items())
            lines.append(f"{self.criterion} by number of clusters: {values}")
        lines.append(f"{self.count} clusters of {', '.join(f'{size:,}' for size in self.sizes)} pictures")
        if self.purity is not None:
            lines.append(f"against the labels: purity {self.purity:.4f}, NMI {self.mutual_information:.4f}")
        return lines

    @written_together()
    def write(
        self, folder: str | Path, *, layout: MapLayout = "tsne", thumbnails: bool = False, force: bool = False
    ) -> list[Path]:
        """Write `clusters.csv`, `sheet.png`, `map.png`, `map.csv` and `report.json`; returns their paths.

        folder: created if it is missing.
        layout: of the map, "tsne" or "pca".
        thumbnails: whether the map shows some pictures.
        force: whether to replace existing files.

        Raises `RunError` if a file exists (without `force`) or cannot be written.
        """
        from imagewright.analysis.clusters.sheet import draw_cluster_rows, draw_map, project_to_plane

        paths = output_paths(folder)
        refuse_existing(paths, force=force)
        images = self.images
        write_table(paths[0], *self._table(), force=force)
        title = f"{Path(images.source).name}: {len(images):,} pictures, {self.count} clusters in {self.space}"
        sheet = draw_cluster_rows(images, self.labels, self.distances, title, self.sheet_size)
        write_image(sheet, paths[1], force=force)
        chosen, flat = project_to_plane(self.points, layout, self.seed)
        draw_map(images, self.labels, chosen, flat, layout, thumbnails, title, paths[2], force=force)
        places = zip(chosen.tolist(), flat.tolist(), strict=True)
        rows = [[images.name(index), int(self.labels[index]), f"{x:.5g}", f"{y:.5g}"] for index, (x, y) in places]
        write_table(paths[3], ["name", "cluster", "x", "y"], rows, force=force)
        with new_file(paths[4], force=force) as file:
            file.write(json.dumps(self.to_dict(), indent=2).encode())
        return paths

    def _table(self) -> tuple[list[str], list[list[object]]]:
        images, names = self.images, self.images.class_names
        rows: list[list[object]] = []
        for index in range(len(images)):
            row: list[object] = [images.name(index), int(self.labels[index]), f"{self.distances[index]:.6g}"]
            if names is not None and images.labels is not None:
                row.append(images.class_name(index) or "")
            rows.append(row)
        return ["name", "cluster", "distance", *(["label"] if names is not None else [])], rows


def cluster(
    source: Any,
    *,
    clusters: int | Literal["auto"] = "auto",
    method: ClusterMethod = "kmeans",
    space: str = "looks",
    features: str | None = None,
    run: RunLike | None = None,
    labels: LabelsLike | None = None,
    label_column: str | None = None,
    split: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Clusters:
    """Group similar pictures into clusters. Equal seeds give equal clusters.

    source: as for `open_images`.
    clusters: their number, or "auto" for the largest silhouette (kmeans; Rousseeuw 1987) or the least BIC (gmm) among
        `methods.TRIED`.
    method: "kmeans" or "gmm", a Gaussian mixture.
    space: what pictures are compared by: "looks" (pixels and edges with equal weight), "pixels" or "edges".
    features: a network whose features are compared instead, as for `evaluate`: "efficientnet_lite0", "random" ...;
        "identity" for who the faces are in crops of `extract_faces`.
    run: a run that encodes, whose latents are compared instead.
    labels: a file of labels, which the clusters are then compared with.
    label_column: the column of the labels (see `open_images`).
    split: a part of the source.
    seed: of all that is random.
    progress: called with (done, total).

    Raises `DataError` for fewer than two pictures or if all are equal, `UserError` for more clusters than different
    pictures and for an unknown space.
    """
    compared = None if features is None else open_space(features)
    if compared is not None and (run is not None or space != "looks"):
        raise UserError(f"features={features} and {space if run is None else run} both say what is compared: give one.")
    opened = open_images(source, labels=labels, label_column=label_column, split=split)
    images = (at_working_size(opened) if run is None else images_for(run, opened)).prepare()
    if len(images) < 2:
        raise DataError(f"{images.source} holds one picture, and clusters need two or more: give more pictures.")
    if clusters != "auto" and not 1 <= clusters <= len(images):
        raise UserError(f"clusters={clusters}, but {len(images):,} pictures make 1 to {len(images):,} clusters.")
    notes = list(images.notes)
    spaces = _choose_spaces(space, run, compared, opened, notes)
    points = _compute_points(images, spaces, seed, progress, notes)
    sample = sample_rows(len(points), MOST_FITTED, seed)
    if len(sample) < len(points):
        notes.append(f"The centres were fitted to {len(sample):,} pictures sampled by the seed; all were assigned.")
    distinct = len(np.unique(points[sample], axis=0))
    if clusters != "auto" and clusters > distinct:
        raise UserError(f"clusters={clusters}, but only {distinct:,} pictures differ: ask for {distinct} or fewer.")
    clustering, tried = fit_clusters(points[sample], clusters, method, distinct, seed, notes)
    assigned, distances = assign(clustering, points)
    assigned = number_by_size(assigned)
    if len(tried) > 1 and len(np.unique(assigned)) == max(tried) < distinct - 1:
        notes.append(
            f"{max(tried)} clusters were the most that were tried, and the best: more may be better still (clusters=)."
        )
    purity, information = _compare_with_labels(assigned, images.labels)
    return Clusters(
        images=images,
        labels=assigned,
        distances=distances,
        points=points,
        method=method,
        space=_space_name(space, run, compared),
        criterion="silhouette" if method == "kmeans" else "BIC",
        tried=tried,
        purity=purity,
        mutual_information=information,
        seed=seed,
        sheet_size=sheet_size(opened.size),
        notes=notes,
    )


def output_paths(folder: str | Path) -> list[Path]:
    """The files that `Clusters.write` writes into a folder."""
    return [Path(folder) / name for name in (ASSIGNMENTS, SHEET, MAP, POSITIONS, REPORT)]


def _space_name(space: str, run: RunLike | None, compared: ComparedFeatures | None) -> str:
    if compared is not None:
        return compared.title
    return space if run is None else name_of(resolve_model(run)) + " latents"


def _choose_spaces(
    space: str, run: RunLike | None, compared: ComparedFeatures | None, images: Images, notes: list[str]
) -> list[FeatureExtractor]:
    if compared is not None:
        return [compared]
    if run is None:
        if space not in SPACES:
            raise UserError(f"space={space!r} is unknown: expected {', '.join(SPACES)}, or a run.")
        return [kind() for kind in SPACES[space]]
    model = resolve_model(run)
    require(model, Encodes)
    if images.size != model.config.size or images.channels != model.config.channels:
        height, width = model.config.size
        notes.append(f"The pictures were resized to {size_text((height, width))}x{model.config.channels} for the run.")
    return [LatentFeatures(model)]


def _compute_points(
    images: Images, spaces: Sequence[FeatureExtractor], seed: int, progress: Progress | None, notes: list[str]
) -> np.ndarray:
    """Coordinates float32 (N, K) along the components that explain 90 % of each space's variance, half whitened.

    Coordinates are divided by the fourth root of their variances: a compromise between unscaled components, where the
    first few dominate, and whitened ones, where the last count as much as the first. Spaces are scaled to equal mean
    squared norms.
    """
    counter = ProgressCounter(len(images) * len(spaces), progress)
    parts = []
    for space in spaces:
        table = FeatureTable(images, space, counter)
        projection = PrincipalProjection(table.stream(), seed, space.resolution)
        if not projection.varies:
            continue
        leading = projection.leading_count()
        scale = projection.variances[:leading].clamp(min=1e-12) ** -0.25
        rows = table.stream(counted=True).batches(BATCH)
        points = torch.cat([projection(each).coordinates[:, :leading] * scale for each in rows])
        parts.append(points / points.square().sum(1).mean().sqrt())
    if not parts:
        raise DataError(f"All {len(images):,} pictures of {images.source} are equal: there is nothing to cluster.")
    if len(parts) < len(spaces):
        notes.append("In one of the spaces all pictures are equal: it was left out.")
    return torch.cat(parts, dim=1).numpy()


def _compare_with_labels(clusters: np.ndarray, labels: np.ndarray | None) -> tuple[float | None, float | None]:
    """Purity (the share of pictures of their cluster's most common class) and NMI; None without labels."""
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    if labels is None:
        return None, None
    clusters, labels = clusters[labels >= 0], labels[labels >= 0]
    table = contingency_matrix(labels, clusters)
    return float(table.max(axis=0).sum() / table.sum()), float(normalized_mutual_info_score(labels, clusters))
