"""Points grouped: k-means and Gaussian mixtures by scikit-learn, and how many groups there are."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np

from imagewright.seeds import derive_seed

JUDGED = 2_000  # pictures that the silhouette is measured on: it compares all with all
STARTS = 4
TRIED = (*range(2, 11), 12, 15, 20, 25, 30)
"""Numbers of clusters that `auto` chooses among."""

Method = Literal["kmeans", "gmm"]


def drawn(count: int, most: int, seed: int) -> np.ndarray:
    """Indices of all of `count`, or of `most` drawn by the seed, rising."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(derive_seed(seed, "sample")).choice(count, most, replace=False))


def fitted(
    points: np.ndarray, clusters: int | Literal["auto"], method: Method, different: int, seed: int, notes: list[str]
) -> tuple[Any, dict[int, float]]:
    """The clustering, and the criterion of each number tried: one, or all that `auto` chooses among."""
    from sklearn.metrics import silhouette_score

    judged = drawn(len(points), JUDGED, seed)
    counts = [clusters] if clusters != "auto" else [count for count in TRIED if count < different] or [1]
    best: tuple[float, Any] | None = None
    tried: dict[int, float] = {}
    for count in counts:
        clustering = _fit(points, count, method, seed)
        if method == "gmm":
            value = float(clustering.bic(points.astype(np.float64)))
        else:
            found = clustering.labels_[judged]
            several = 1 < len(np.unique(found)) < len(found)
            value = float(silhouette_score(points[judged], found)) if several else 0.0
        tried[count] = value
        merit = -value if method == "gmm" else value
        if best is None or merit > best[0]:
            best = merit, clustering
    assert best is not None
    if method == "kmeans" and len(judged) < len(points):
        notes.append(f"The silhouette was measured on {len(judged):,} pictures.")
    return best[1], tried


def _fit(points: np.ndarray, count: int, method: Method, seed: int) -> Any:
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a start did not settle: the best of the starts is taken
        if method == "kmeans":
            return KMeans(count, n_init=STARTS, random_state=seed).fit(points)
        # A full covariance needs some pictures for each of its dimensions in every cluster.
        full = len(points) >= 4 * count * points.shape[1]
        return GaussianMixture(
            count,
            covariance_type="full" if full else "diag",
            reg_covar=1e-3 * float(points.var(axis=0).mean()) + 1e-9,
            random_state=seed,
        ).fit(points.astype(np.float64))


def assigned(fitted: Any, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of each point, and its distance to the centre: by the cluster's own covariance for a mixture."""
    found = np.empty(len(points), np.int64)
    distances = np.empty(len(points))
    for start in range(0, len(points), 4096):
        block = points[start : start + 4096]
        if hasattr(fitted, "cluster_centers_"):
            found[start : start + 4096] = fitted.predict(block)
            centres = fitted.cluster_centers_[found[start : start + 4096]]
            distances[start : start + 4096] = np.sqrt(((block - centres) ** 2).sum(1))
        else:
            block = block.astype(np.float64)
            found[start : start + 4096] = fitted.predict(block)
            distances[start : start + 4096] = _mahalanobis(fitted, block, found[start : start + 4096])
    return found, distances


def _mahalanobis(mixture: Any, points: np.ndarray, found: np.ndarray) -> np.ndarray:
    distances = np.empty(len(points))
    for cluster in np.unique(found):
        off = points[found == cluster] - mixture.means_[cluster]
        factor = mixture.precisions_cholesky_[cluster]
        white = off @ factor if factor.ndim == 2 else off * factor
        distances[found == cluster] = np.sqrt((white**2).sum(1))
    return distances


def largest_first(found: np.ndarray) -> np.ndarray:
    """The same clusters, numbered by size; one that nothing was assigned to has no number."""
    names, places, counts = np.unique(found, return_inverse=True, return_counts=True)
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(names))
    return rank[places]
