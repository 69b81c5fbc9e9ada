"""Outlier detectors: each is fitted to reference pictures, and scores other pictures, higher for outliers.

All work on coordinates along the principal components of a feature space, and on the squared length outside them, so
that no array of size N x D or N x N is in memory.
Scores are squared lengths, lengths or negative log densities. An ensemble compares their logarithms; `faint` is the
score below which a difference means nothing, which keeps the logarithm of a copy's score finite.
Shape letters: N pictures, M reference pictures, K components, D features.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from imagewright.model import Stream
from imagewright.statistics.spectra import Spectrum, leading_spectrum

MOST_COMPONENTS = 128
EXPLAINED_SHARE = 0.99  # of the variance: distances along these components approximate those of the feature space
LEADING_SHARE = 0.9  # of the variance: the leading components of `ResidualDetector` and `MixtureDetector`
NEIGHBOURS = 3
PLANE_NEIGHBOURS = 20
FAINT_SHARE = 1e-3  # of the total variance: two pictures that differ by less count as equal


@dataclass
class ProjectedPictures:
    """Pictures as coordinates along principal components around the mean, and the remainder."""

    coordinates: Tensor  # (N, K)
    rest: Tensor  # (N,), squared length outside the components

    def __len__(self) -> int:
        return len(self.rest)

    def squared_distances(self, reference: ProjectedPictures) -> Tensor:
        """Squared distances to all reference pictures, (N, M), if remainders are orthogonal to each other."""
        inside = torch.cdist(self.coordinates, reference.coordinates, compute_mode="use_mm_for_euclid_dist").square_()
        return inside.add_(self.rest[:, None]).add_(reference.rest)

    def nearest(self, reference: ProjectedPictures) -> tuple[Tensor, Tensor]:
        """Distances and indices of the nearest `PLANE_NEIGHBOURS` reference pictures, nearest first.

        Cached, since all detectors of a space use the same reference.
        """
        if self._nearest is None:
            count = min(PLANE_NEIGHBOURS, len(reference))
            squares, indices = self.squared_distances(reference).topk(count, dim=1, largest=False)
            self._nearest = squares.sqrt(), indices
        return self._nearest

    _nearest: tuple[Tensor, Tensor] | None = None


class PrincipalProjection:
    """Projection onto the components that explain `EXPLAINED_SHARE` of the variance, at most `MOST_COMPONENTS`.

    rows: a stream of features (n, D).
    seed: of the randomised PCA.
    resolution: the mean squared length, over the D features, of a difference that is none.
    """

    def __init__(self, rows: Stream, seed: int, resolution: float = 1e-6) -> None:
        width = next(rows.batches(1)).shape[1]
        most = max(1, min(MOST_COMPONENTS, len(rows) - 1, width))
        spectrum = leading_spectrum(rows, most, None, seed)
        self.varies = spectrum.total_variance > 0
        self.faint = FAINT_SHARE * spectrum.total_variance + resolution * width
        needed = spectrum.components_for(EXPLAINED_SHARE) if self.varies else 1
        self.spectrum: Spectrum = spectrum.first(needed or most)

    def __call__(self, rows: Tensor) -> ProjectedPictures:
        centred = rows - self.spectrum.mean
        coordinates = centred @ self.spectrum.basis.T
        rest = (centred.square().sum(1) - coordinates.square().sum(1)).clamp(min=0)
        return ProjectedPictures(coordinates, rest)

    @property
    def variances(self) -> Tensor:
        """Of the components, (K,), descending."""
        return self.spectrum.variances

    def leading_count(self) -> int:
        """The number of components that explain `LEADING_SHARE` of the variance; all if they do not reach it."""
        return self.spectrum.components_for(LEADING_SHARE) or len(self.variances)


class Detector(Protocol):
    """An outlier detector: `fit` to reference pictures, then `score` others.

    faint: after `fit`, the score below which differences mean nothing; None if scores are negative log densities.
    """

    faint: float | None

    def fit(self, projection: PrincipalProjection, reference: ProjectedPictures) -> None:
        """Fit to reference pictures, projected by `projection`."""
        ...

    def score(self, pictures: ProjectedPictures) -> Tensor:
        """(N,), higher for outliers."""
        ...


class ResidualDetector:
    """The squared reconstruction error of PCA with the leading components."""

    def fit(self, projection: PrincipalProjection, reference: ProjectedPictures) -> None:
        self.leading = projection.leading_count() if projection.varies else 0
        self.faint: float | None = projection.faint

    def score(self, pictures: ProjectedPictures) -> Tensor:
        return pictures.coordinates[:, self.leading :].square().sum(1) + pictures.rest


class MahalanobisDetector:
    """The squared Mahalanobis distance from the mean, with a floor added to each variance.

    The floor is a twentieth of the mean variance of the effective directions, whose number is the participation ratio
    (sum v)^2 / sum v^2; directions outside the components have the floor alone. Without the floor, components whose
    small variance is due to chance would weigh as much as the first.
    """

    FLOOR = 0.05

    def fit(self, projection: PrincipalProjection, reference: ProjectedPictures) -> None:
        variances = projection.variances.double()
        self.floor = self.FLOOR * float(variances.square().sum() / variances.sum())
        self.variances = (variances + self.floor).float()
        # What it is for pictures of `projection.faint`, spread over the directions as the reference is.
        self.faint: float | None = FAINT_SHARE * float((variances / (variances + self.floor)).sum())

    def score(self, pictures: ProjectedPictures) -> Tensor:
        return (pictures.coordinates.square() / self.variances).sum(1) + pictures.rest / self.floor


class NeighbourDetector:
    """The mean distance to the three nearest reference pictures (Ramaswamy et al. 2000)."""

    def fit(self, projection: PrincipalProjection, reference: ProjectedPictures) -> None:
        self.reference = reference
        self.faint: float | None = math.sqrt(projection.faint)

    def score(self, pictures: ProjectedPictures) -> Tensor:
        return pictures.nearest(self.reference)[0][:, :NEIGHBOURS].mean(1)


class NeighbourPlaneDetector:
    """The squared distance from the plane through the twenty nearest reference pictures.

    As in locally linear embedding (Roweis & Saul 2000), the picture is reconstructed from its neighbours, with a ridge
    of a tenth of their mean variance, which limits extrapolation beyond them.
    """

    RIDGE = 0.1

    def fit(self, projection: PrincipalProjection, reference: ProjectedPictures) -> None:
        self.reference = reference
        self.faint: float | None = projection.faint

    def score(self, pictures: ProjectedPictures) -> Tensor:
        around = self.reference.coordinates[pictures.nearest(self.reference)[1]]
        mean = around.mean(1, keepdim=True)
        around = around - mean
        centred = (pictures.coordinates - mean[:, 0]).unsqueeze(2)
        products = around @ around.transpose(1, 2)
        ridge = self.RIDGE * products.diagonal(dim1=1, dim2=2).mean(1)
        ridge = ridge.clamp(min=1e-6)[:, None, None] * torch.eye(products.shape[1])
        weights = torch.linalg.solve(products + ridge, around @ centred)
        residual = centred - around.transpose(1, 2) @ weights
        return residual.square().sum((1, 2)) + pictures.rest


class KernelDensityDetector:
    """The negative log density of a kernel density estimate of the reference (Rosenblatt 1956; Parzen 1962).

    The bandwidth is the one, of eight, of the largest leave-one-out likelihood of reference pictures.
    """

    WIDTHS = 2.0 ** np.arange(-6, 2)
    VALIDATED = 500  # reference pictures that are left out in turn
    faint: float | None = None

    def fit(self, projection: PrincipalProjection, reference: ProjectedPictures) -> None:
        self.reference = reference
        size, count = reference.coordinates.shape[1], len(reference)
        spread = float(projection.variances.sum()) / size
        rows = torch.linspace(0, count - 1, min(count, self.VALIDATED)).long().unique()
        left_out = ProjectedPictures(reference.coordinates[rows], reference.rest[rows])
        squares = left_out.squared_distances(reference)
        squares[torch.arange(len(rows)), rows] = torch.inf
        likelihoods = [self._log_density(squares, width * spread, size).mean() for width in self.WIDTHS]
        self.variance, self.size = float(self.WIDTHS[int(torch.stack(likelihoods).argmax())]) * spread, size

    def score(self, pictures: ProjectedPictures) -> Tensor:
        return -self._log_density(pictures.squared_distances(self.reference), self.variance, self.size)

    @staticmethod
    def _log_density(squares: Tensor, variance: float, size: int) -> Tensor:
        """The log of the mean of the kernels, (N,), from squared distances (N, M)."""
        normaliser = math.log(squares.shape[1]) + 0.5 * size * math.log(2 * math.pi * variance)
        return torch.logsumexp(squares / (-2 * variance), dim=1) - normaliser


class MixtureDetector:
    """The negative log density of a Gaussian mixture (scikit-learn) of the leading components.

    The remainder has a spherical Gaussian, as in Moghaddam & Pentland 1997 ("Probabilistic visual learning", eq. 12).
    The number of Gaussians (1, 2, 4 or 8) is the one of least BIC.
    """

    COUNTS = (1, 2, 4, 8)
    COMPONENTS = 32
    MOST_FITTED = 4000
    faint: float | None = None

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, projection: PrincipalProjection, reference: ProjectedPictures) -> None:
        from sklearn.mixture import GaussianMixture

        self.leading = min(self.COMPONENTS, projection.leading_count(), max(1, len(reference) // 10))
        self.scale = float(projection.variances[0].sqrt())
        rows = reference.coordinates[: self.MOST_FITTED, : self.leading].double().numpy() / self.scale
        counts = [count for count in self.COUNTS if count * 10 * self.leading <= len(rows)] or [1]
        mixtures = [
            GaussianMixture(count, reg_covar=1e-4, random_state=self.seed, max_iter=50, init_params="k-means++")
            for count in counts
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no convergence within fifty iterations; the best mixture is taken
            self.mixture: Any = min((mixture.fit(rows) for mixture in mixtures), key=lambda each: each.bic(rows))
        rest = reference.coordinates[:, self.leading :].square().sum(1) + reference.rest
        self.rest_variance = max(float(rest.mean()), 1e-12)  # sum over all directions of the remainder
        # The effective number of these directions, from the mean and variance of a scaled chi-squared distribution.
        self.rest_directions = (
            max(1.0, 2 * float(rest.mean()) ** 2 / max(float(rest.var()), 1e-12)) if len(rest) > 1 else 1.0
        )

    def score(self, pictures: ProjectedPictures) -> Tensor:
        log_density = self.mixture.score_samples(pictures.coordinates[:, : self.leading].double().numpy() / self.scale)
        rest = pictures.coordinates[:, self.leading :].square().sum(1) + pictures.rest
        return 0.5 * self.rest_directions * rest / self.rest_variance - torch.from_numpy(log_density).float()


DETECTORS = ("pca", "mahalanobis", "neighbours", "plane", "gmm", "kde")
OF_EQUAL_PICTURES = ("pca", "neighbours", "plane")
"""The detectors that can be fitted to pictures that are all equal: what they measure is the distance from these."""


def build_detector(name: str, seed: int) -> Detector:
    """The detector of that name, one of `DETECTORS`, not fitted."""
    detectors: dict[str, Detector] = {
        "pca": ResidualDetector(),
        "mahalanobis": MahalanobisDetector(),
        "neighbours": NeighbourDetector(),
        "plane": NeighbourPlaneDetector(),
        "gmm": MixtureDetector(seed),
        "kde": KernelDensityDetector(),
    }
    return detectors[name]
