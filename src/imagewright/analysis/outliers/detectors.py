"""Detectors: each learns from ordinary pictures, and says by one number how strange another one is.

All work on coordinates along the principal components of a space, and on what these leave out, so that nothing of the
size N x D, and no N x N matrix, is ever in memory. Higher is stranger.
Shape letters: N pictures, M of the reference, K components, D numbers of a row in the space.
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
KEPT_SHARE = 0.99  # of the variance: distances in these components are those of the space
ORDINARY_SHARE = 0.9  # what a residual measures is outside the components that explain this share
NEIGHBOURS = 3
PLANE_NEIGHBOURS = 20


@dataclass
class Projected:
    """Pictures in a space: `coordinates` (N, K) around the mean, `rest` (N,), squared length outside the components."""

    coordinates: Tensor
    rest: Tensor

    def __len__(self) -> int:
        return len(self.rest)

    def squared_distances(self, reference: Projected) -> Tensor:
        """To every picture of the reference, (N, M): in the components, and what lies outside as if at right angles."""
        inside = torch.cdist(self.coordinates, reference.coordinates, compute_mode="use_mm_for_euclid_dist").square_()
        return inside.add_(self.rest[:, None]).add_(reference.rest)

    def nearest(self, reference: Projected) -> tuple[Tensor, Tensor]:
        """Distances and places of the nearest `PLANE_NEIGHBOURS` pictures of the reference, nearest first.

        Looked for once: the detectors of a space share one reference.
        """
        if self._found is None:
            count = min(PLANE_NEIGHBOURS, len(reference))
            squares, places = self.squared_distances(reference).topk(count, dim=1, largest=False)
            self._found = squares.sqrt(), places
        return self._found

    _found: tuple[Tensor, Tensor] | None = None


class Projection:
    """The principal components of a space that hold `KEPT_SHARE` of the variance, at most `MOST_COMPONENTS`."""

    def __init__(self, rows: Stream, seed: int) -> None:
        most = min(MOST_COMPONENTS, len(rows) - 1, next(rows.batches(1)).shape[1])
        spectrum = leading_spectrum(rows, most, None, seed)
        self.varies = spectrum.total_variance > 0
        needed = spectrum.components_for(KEPT_SHARE) if self.varies else 1
        self.spectrum: Spectrum = spectrum.first(needed or most)

    def __call__(self, rows: Tensor) -> Projected:
        centred = rows - self.spectrum.mean
        coordinates = centred @ self.spectrum.basis.T
        rest = (centred.square().sum(1) - coordinates.square().sum(1)).clamp(min=0)
        return Projected(coordinates, rest)

    @property
    def variances(self) -> Tensor:
        """(K,), the largest first."""
        return self.spectrum.variances

    @property
    def left_variance(self) -> float:
        """The variance outside the components, over all directions together."""
        return max(self.spectrum.total_variance - float(self.variances.sum()), 0.0)

    def ordinary(self) -> int:
        """How many components explain `ORDINARY_SHARE` of the variance, or all that are kept."""
        return self.spectrum.components_for(ORDINARY_SHARE) or len(self.variances)


class Detector(Protocol):
    """`fit` on the reference pictures of a projection; `score` (N,), higher is stranger."""

    def fit(self, projection: Projection, reference: Projected) -> None: ...

    def score(self, pictures: Projected) -> Tensor: ...


class Residual:
    """The squared distance from the plane of the components that explain most: what PCA cannot rebuild."""

    def fit(self, projection: Projection, reference: Projected) -> None:
        self.kept = projection.ordinary()

    def score(self, pictures: Projected) -> Tensor:
        return pictures.coordinates[:, self.kept :].square().sum(1) + pictures.rest


class Mahalanobis:
    """Squared distance from the mean in standard deviations, each variance raised by a floor.

    The floor is a twentieth of the mean variance of the directions that matter, counted by the participation ratio
    (sum v)^2 / sum v^2; directions left out have the floor alone. Without it the thousandth component, which nothing
    but chance made small, would count as much as the first.
    """

    FLOOR = 0.05

    def fit(self, projection: Projection, reference: Projected) -> None:
        variances = projection.variances.double()
        self.floor = self.FLOOR * float(variances.square().sum() / variances.sum())
        self.variances = (variances + self.floor).float()

    def score(self, pictures: Projected) -> Tensor:
        return (pictures.coordinates.square() / self.variances).sum(1) + pictures.rest / self.floor


class Neighbours:
    """The mean distance to the three nearest pictures of the reference (Ramaswamy et al. 2000)."""

    def fit(self, projection: Projection, reference: Projected) -> None:
        self.reference = reference

    def score(self, pictures: Projected) -> Tensor:
        return pictures.nearest(self.reference)[0][:, :NEIGHBOURS].mean(1)


class NeighbourPlane:
    """The distance from the plane through the twenty nearest pictures: is it between ordinary ones, or off them all?

    As in locally linear embedding (Roweis & Saul 2000): the picture is rebuilt from its neighbours, with a ridge of a
    tenth of their mean variance so that the plane ends where they do.
    """

    RIDGE = 0.1

    def fit(self, projection: Projection, reference: Projected) -> None:
        self.reference = reference

    def score(self, pictures: Projected) -> Tensor:
        around = self.reference.coordinates[pictures.nearest(self.reference)[1]]
        mean = around.mean(1, keepdim=True)
        around = around - mean
        off = (pictures.coordinates - mean[:, 0]).unsqueeze(2)
        products = around @ around.transpose(1, 2)
        ridge = self.RIDGE * products.diagonal(dim1=1, dim2=2).mean(1)
        ridge = ridge.clamp(min=1e-6)[:, None, None] * torch.eye(products.shape[1])
        weights = torch.linalg.solve(products + ridge, around @ off)
        left = off - around.transpose(1, 2) @ weights
        return left.square().sum((1, 2)) + pictures.rest


class Kernels:
    """Minus the log density of a Gaussian around every picture of the reference, (Rosenblatt 1956; Parzen 1962).

    Its width is the one, of eight, that makes pictures left out of the reference likeliest.
    """

    WIDTHS = 2.0 ** np.arange(-6, 2)
    TRIED = 500

    def fit(self, projection: Projection, reference: Projected) -> None:
        self.reference = reference
        size, count = reference.coordinates.shape[1], len(reference)
        spread = float(projection.variances.sum()) / size
        tried = torch.linspace(0, count - 1, min(count, self.TRIED)).long().unique()
        left_out = Projected(reference.coordinates[tried], reference.rest[tried])
        squares = left_out.squared_distances(reference)
        squares[torch.arange(len(tried)), tried] = torch.inf
        likelihoods = [self._log_density(squares, width * spread, size).mean() for width in self.WIDTHS]
        self.variance, self.size = float(self.WIDTHS[int(torch.stack(likelihoods).argmax())]) * spread, size

    def score(self, pictures: Projected) -> Tensor:
        return -self._log_density(pictures.squared_distances(self.reference), self.variance, self.size)

    @staticmethod
    def _log_density(squares: Tensor, variance: float, size: int) -> Tensor:
        """Log of the mean of the kernels, (N,), of squared distances (N, M)."""
        normaliser = math.log(squares.shape[1]) + 0.5 * size * math.log(2 * math.pi * variance)
        return torch.logsumexp(squares / (-2 * variance), dim=1) - normaliser


class Mixture:
    """Minus the log density of a Gaussian mixture, by scikit-learn, in the leading components.

    What these leave out has a spherical Gaussian of its own, as in Moghaddam & Pentland 1997 ("Probabilistic visual
    learning", eq. 12). The number of Gaussians (1, 2, 4 or 8) is the one of the least BIC.
    """

    COUNTS = (1, 2, 4, 8)
    COMPONENTS = 32
    FITTED = 4000

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, projection: Projection, reference: Projected) -> None:
        from sklearn.mixture import GaussianMixture

        self.kept = min(self.COMPONENTS, projection.ordinary(), max(1, len(reference) // 10))
        self.scale = float(projection.variances[0].sqrt())
        rows = reference.coordinates[: self.FITTED, : self.kept].double().numpy() / self.scale
        counts = [count for count in self.COUNTS if count * 10 * self.kept <= len(rows)] or [1]
        mixtures = [
            GaussianMixture(count, reg_covar=1e-4, random_state=self.seed, max_iter=50, init_params="k-means++")
            for count in counts
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that fifty steps were not enough: the best of them is taken
            self.mixture: Any = min((mixture.fit(rows) for mixture in mixtures), key=lambda each: each.bic(rows))
        left = reference.coordinates[:, self.kept :].square().sum(1) + reference.rest
        self.left_variance = max(float(left.mean()), 1e-12)  # over all directions together
        self.directions = (
            max(1.0, 2 * float(left.mean()) ** 2 / max(float(left.var()), 1e-12)) if len(left) > 1 else 1.0
        )

    def score(self, pictures: Projected) -> Tensor:
        inside = self.mixture.score_samples(pictures.coordinates[:, : self.kept].double().numpy() / self.scale)
        left = pictures.coordinates[:, self.kept :].square().sum(1) + pictures.rest
        return 0.5 * self.directions * left / self.left_variance - torch.from_numpy(inside).float()


DETECTORS = ("pca", "mahalanobis", "neighbours", "plane", "gmm", "kde")


def make_detector(name: str, seed: int) -> Detector:
    """A detector by its name, one of `DETECTORS`, not fitted."""
    made: dict[str, Detector] = {
        "pca": Residual(),
        "mahalanobis": Mahalanobis(),
        "neighbours": Neighbours(),
        "plane": NeighbourPlane(),
        "gmm": Mixture(seed),
        "kde": Kernels(),
    }
    return made[name]
