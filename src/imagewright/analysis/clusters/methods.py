"""Clustering of points by scikit-learn's k-means and Gaussian mixtures, and the choice of the number of clusters."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np

from imagewright.seeds import derive_seed

SILHOUETTE_POINTS = 2_000  # points that the silhouette is measured on: its cost is quadratic
STARTS = 4
TRIED = (*range(2, 11), 12, 15, 20, 25, 30)
"""Numbers of clusters that `auto` chooses from."""

ClusterMethod = Literal["kmeans", "gmm"]
MapLayout = Literal["pca", "tsne"]


def sample_rows(count: int, most: int, seed: int) -> np.ndarray:
    """Ascending indices of `most` of `count` rows, sampled without replacement; of all rows if there are no more."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(derive_seed(seed, "sample")).choice(count, most, replace=False))


def fit_clusters(
    points: np.ndarray,
    clusters: int | Literal["auto"],
    method: ClusterMethod,
    distinct: int,
    seed: int,
    notes: list[str],
) -> tuple[Any, dict[int, float]]:
    """Fit a clustering, and choose the number of clusters if it is not given.

    points: (N, D).
    clusters: their number, or "auto": of `TRIED` the one of the largest silhouette (k-means) or least BIC (gmm).
    method: of the clustering.
    distinct: number of distinct points; fewer clusters are tried than that.
    seed: of the initial centres.
    notes: a note is appended if the silhouette is measured on a sample.

    Returns scikit-learn's estimator, and the criterion by number of clusters.
    """
    from sklearn.metrics import silhouette_score

    sample = sample_rows(len(points), SILHOUETTE_POINTS, seed)
    counts = [clusters] if clusters != "auto" else [count for count in TRIED if count < distinct] or [1]
    best: tuple[float, Any] | None = None
    criteria: dict[int, float] = {}
    for count in counts:
        clustering = _fit(points, count, method, seed)
        if method == "gmm":
            value = float(clustering.bic(points.astype(np.float64)))
        else:
            labels = clustering.labels_[sample]
            is_defined = 1 < len(np.unique(labels)) < len(labels)
            value = float(silhouette_score(points[sample], labels)) if is_defined else 0.0
        criteria[count] = value
        merit = -value if method == "gmm" else value
        if best is None or merit > best[0]:
            best = merit, clustering
    assert best is not None
    if method == "kmeans" and len(sample) < len(points):
        notes.append(f"The silhouette was measured on {len(sample):,} pictures.")
    return best[1], criteria


def _fit(points: np.ndarray, count: int, method: ClusterMethod, seed: int) -> Any:
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a start that has not converged; the best of all starts is taken
        if method == "kmeans":
            return KMeans(count, n_init=STARTS, random_state=seed).fit(points)
        # A full covariance needs several points for each dimension in every cluster.
        full = len(points) >= 4 * count * points.shape[1]
        return GaussianMixture(
            count,
            covariance_type="full" if full else "diag",
            reg_covar=1e-3 * float(points.var(axis=0).mean()) + 1e-9,
            random_state=seed,
        ).fit(points.astype(np.float64))


def assign(clustering: Any, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of each point, and its distance to the cluster's centre (Mahalanobis distance for a mixture).

    clustering: scikit-learn's estimator.
    points: (N, D).

    Returns int64 (N,) and float64 (N,).
    """
    labels = np.empty(len(points), np.int64)
    distances = np.empty(len(points))
    for start in range(0, len(points), 4096):
        block = points[start : start + 4096]
        if hasattr(clustering, "cluster_centers_"):
            labels[start : start + 4096] = clustering.predict(block)
            centres = clustering.cluster_centers_[labels[start : start + 4096]]
            distances[start : start + 4096] = np.sqrt(((block - centres) ** 2).sum(1))
        else:
            block = block.astype(np.float64)
            labels[start : start + 4096] = clustering.predict(block)
            distances[start : start + 4096] = _mahalanobis(clustering, block, labels[start : start + 4096])
    return labels, distances


def _mahalanobis(mixture: Any, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    distances = np.empty(len(points))
    for cluster in np.unique(labels):
        centred = points[labels == cluster] - mixture.means_[cluster]
        factor = mixture.precisions_cholesky_[cluster]
        white = centred @ factor if factor.ndim == 2 else centred * factor
        distances[labels == cluster] = np.sqrt((white**2).sum(1))
    return distances


def number_by_size(labels: np.ndarray) -> np.ndarray:
    """The same clusters, numbered from the largest to the smallest; empty clusters get no number."""
    names, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(names))
    return rank[places]
