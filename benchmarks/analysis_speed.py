"""Analysis against the plain way, in processor time on one thread: outliers, clusters, components, a mixture.

    python benchmarks/analysis_speed.py [--count 4000] [--rounds 5]

Pictures are Fashion-MNIST's, 28x28, from a prepared cache. Each work alternates with the one that it is compared with:
- outliers, the default, against the same four methods among all twelve with features computed anew in each pass and
  smoothed by convolutions, as before; the first fifty by the mean of ranks must be the same;
- outliers by neighbours against pyod's KNN on pixels, if pyod is installed (it is no dependency);
- clusters, the default space, likewise; the points must be the same;
- components, 150 of them, against scikit-learn's PCA by the covariance;
- a mixture of ten Gaussians on 50 components against scikit-learn's PCA and GaussianMixture.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from harness import SHARED_DATA, make_parser, measure, print_row, read_matrix
from scipy.stats import rankdata
from torch.nn import functional

import imagewright as iw
from imagewright.analysis import feature_tables, spaces
from imagewright.analysis.clusters.clusters import SPACES, _compute_points
from imagewright.analysis.outliers.scoring import outlier_scores
from imagewright.statistics.fitting import fit_model

FOUR = ("mahalanobis", "plane", "edges-mahalanobis", "edges-plane")


def by_convolutions(pixels: torch.Tensor, sigma: float, cell: int) -> torch.Tensor:
    """`spaces.blur_and_average` as it was: two convolutions of single channels, and pooling."""
    reach = max(1, round(3 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    channels = pixels.shape[1]
    padded = functional.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    along = functional.conv2d(padded, kernel.expand(channels, 1, 1, -1), groups=channels)
    blurred = functional.conv2d(along, kernel.transpose(2, 3).expand(channels, 1, -1, 1), groups=channels)
    return functional.avg_pool2d(blurred, cell, ceil_mode=True) if cell > 1 else blurred


@contextmanager
def as_before() -> Iterator[None]:
    """Features computed anew in each pass, and smoothed by convolutions."""
    kept, blur = feature_tables.KEPT_BYTES, spaces.blur_and_average
    feature_tables.KEPT_BYTES, spaces.blur_and_average = 0, by_convolutions
    try:
        yield
    finally:
        feature_tables.KEPT_BYTES, spaces.blur_and_average = kept, blur


def compare(title: str, ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> tuple[Any, Any]:
    """Print the ratio of processor times, pair by pair; returns both results of the last round."""
    measure(ours)
    pairs = [(measure(ours), measure(theirs)) for _ in range(rounds)]
    ratios = [plain.processor_seconds / own.processor_seconds for own, plain in pairs]
    print_row(
        {
            "work": title,
            "ours_s": round(statistics.median(own.processor_seconds for own, _ in pairs), 3),
            "plain_s": round(statistics.median(plain.processor_seconds for _, plain in pairs), 3),
            "times_as_fast": round(statistics.median(ratios), 2),
            "from": round(min(ratios), 2),
            "to": round(max(ratios), 2),
        }
    )
    return pairs[-1][0].result, pairs[-1][1].result


def first_fifty(scores: dict[str, np.ndarray]) -> list[int]:
    ranks = np.mean([rankdata(scores[name]) for name in FOUR], axis=0)
    return np.lexsort((np.arange(len(ranks)), -ranks))[:50].tolist()


def outliers(images: iw.Images, rounds: int) -> None:
    from imagewright.analysis.outliers.methods import DETECTORS, methods_in_space

    every = [method for space in ("pixels", "edges") for method in methods_in_space(space)]
    assert len(every) == 2 * len(DETECTORS)

    def before() -> dict[str, np.ndarray]:
        with as_before():
            return {name: each.scores for name, each in outlier_scores(images, None, every).items()}

    now, then = compare("outliers, the default", lambda: iw.outliers(images).scores, before, min(rounds, 2))
    print_row({"the same first fifty": first_fifty(now) == first_fifty(then)})


def neighbours(images: iw.Images, rounds: int) -> None:
    if find_spec("pyod") is None:
        print_row({"outliers by neighbours": "pyod is not installed: not compared"})
        return
    from pyod.models.knn import KNN

    def theirs() -> np.ndarray:
        return KNN(n_neighbors=3, method="mean").fit(read_matrix(images)).decision_scores_

    compare("outliers by neighbours", lambda: iw.outliers(images, method="neighbours"), theirs, rounds)


def clusters(images: iw.Images, rounds: int) -> None:
    def points() -> np.ndarray:
        return _compute_points(images, [kind() for kind in SPACES["looks"]], 0, None, [])

    def before() -> np.ndarray:
        with as_before():
            return points()

    now, then = compare("clusters, the points of the default space", points, before, rounds)
    print_row({"largest difference of points": float(np.abs(np.abs(now) - np.abs(then)).max())})


def components(images: iw.Images, rounds: int) -> None:
    from sklearn.decomposition import PCA

    def theirs() -> PCA:
        return PCA(150, svd_solver="covariance_eigh").fit(read_matrix(images) / 127.5 - 1)

    found, plain = compare("components, 150", lambda: iw.components(images, count=150), theirs, rounds)
    shares = found.decomposition.component_shares[:150].numpy()
    print_row({"largest difference of shares": float(np.abs(shares - plain.explained_variance_ratio_).max())})


def mixture(images: iw.Images, rounds: int) -> None:
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    def theirs() -> GaussianMixture:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            points = PCA(50, random_state=0).fit_transform(read_matrix(images) / 127.5 - 1)
            return GaussianMixture(10, random_state=0, max_iter=200).fit(points)

    compare("mixture, ten Gaussians", lambda: fit_model("gmm", images, gaussians=10, components=50), theirs, rounds)


def main() -> None:
    from threadpoolctl import threadpool_limits

    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = iw.open_images(SHARED_DATA / "fashion_mnist").prepare().subset(np.arange(arguments.count))
    with threadpool_limits(1):
        for name in arguments.works:
            WORKS[name](images, arguments.rounds)


WORKS = {
    "outliers": outliers,
    "neighbours": neighbours,
    "clusters": clusters,
    "components": components,
    "mixture": mixture,
}


if __name__ == "__main__":
    main()
