"""The measurements of the lesson on dimension: covering a cube, throwing dice, distances between points."""

from __future__ import annotations

import numpy as np

REACH = 0.05  # a sample covers the cell of side 0.1 around it: ten such cells cover [0, 1]
CELLS = 10  # along an axis
PROBES = 400
NEIGHBOURS = 10
SAMPLES_PER_CELL = 30  # a cell is missed by all of them once in e^30


def samples_until_covered(dimensions: int, repeats: int, random: np.random.Generator) -> np.ndarray:
    """The number of uniform samples of [0, 1]^d until one lies within `REACH` of a uniform probe on every axis.

    Returns (rounds * PROBES,) counts. Each round draws new samples and new probes. There are `repeats` rounds in one
    dimension and fewer in more dimensions, where the probes of one round are nearly independent.
    """
    from scipy.spatial import KDTree

    count = SAMPLES_PER_CELL * 10**dimensions * 2**dimensions  # around a corner only 1 / 2^d of a cell is in the cube
    waits = np.empty((max(2, repeats // 4 ** (dimensions - 1)), PROBES))
    for row in waits:
        samples = random.random((count, dimensions))
        near = KDTree(samples).query_ball_point(random.random((PROBES, dimensions)), REACH, p=np.inf)
        row[:] = [min(each, default=count) + 1 for each in near]
    return waits.ravel()


def cells_hit(points: np.ndarray) -> np.ndarray:
    """Whether each cell of side 0.1 of [0, 1]^d holds one of the points (N, d): bool (10, ..., 10)."""
    hit = np.zeros((CELLS,) * points.shape[1], bool)
    hit[tuple((points * CELLS).astype(int).T)] = True
    return hit


def expected_share(samples: int, dimensions: int) -> float:
    """The share of the cells of side 0.1 that so many uniform samples hit, on average: 1 - (1 - 10^-d)^n."""
    return -float(np.expm1(samples * np.log1p(-(float(CELLS) ** -dimensions))))


def throws_until_all(outcomes: int, repeats: int, random: np.random.Generator) -> np.ndarray:
    """The number of throws until each of `outcomes` equally likely outcomes was seen, (repeats,)."""
    # While k outcomes are missing, the wait for a new one is geometric with probability k / outcomes.
    missing = np.arange(1, outcomes + 1)
    return random.geometric(missing / outcomes, (repeats, outcomes)).sum(1)


def expected_throws(outcomes: int) -> float:
    """The coupon collector's mean: n (1 + 1/2 + ... + 1/n)."""
    return float(outcomes * (1 / np.arange(1, outcomes + 1)).sum())


def pairwise_distances(points: np.ndarray) -> np.ndarray:
    """Euclidean distances of all pairs of (N, D) points, in units of the axes: (N (N - 1) / 2,)."""
    from scipy.spatial.distance import pdist

    distances: np.ndarray = pdist(points)
    return distances


def contrast(distances: np.ndarray) -> dict[str, float]:
    """`mean`; `variation`, the standard deviation over the mean; `relative_contrast`, (largest - smallest) / mean.

    Beyer et al. divide by the smallest distance instead, which may be zero.
    """
    mean = float(distances.mean())
    return {
        "mean": mean,
        "variation": float(distances.std()) / mean,
        "relative_contrast": float(np.ptp(distances)) / mean,
    }


def intrinsic_dimension(points: np.ndarray) -> float:
    """The maximum likelihood estimate of the intrinsic dimension of points (N, D), from distances to neighbours.

    Levina & Bickel 2004, "Maximum likelihood estimation of intrinsic dimension", eq. 8, averaged over points as
    MacKay & Ghahramani propose (the mean of the inverses). Too low if there are few points for their dimension.
    """
    from sklearn.neighbors import NearestNeighbors

    distances, _ = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(points).kneighbors()
    distances = distances[distances[:, 0] > 0]  # points with an exact copy have no finite estimate
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(1)
    return float(1 / inverse.mean())
