"""Two classes of points in the plane with known densities, so that the Bayes-optimal boundary can be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.statistics.gaussians import cholesky_factors, log_densities, sample_gaussians

ROUND = ((1.0, 0.0), (0.0, 1.0))
LEANING = ((1.0, 0.55), (0.55, 0.9))


@dataclass(frozen=True)
class Group:
    """One Gaussian component of a class: its share of the class, its centre, its covariance."""

    share: float
    centre: tuple[float, float]
    covariance: tuple[tuple[float, float], tuple[float, float]] = ROUND


@dataclass(frozen=True)
class TwoClasses:
    """Two equally likely classes, each a mixture of groups."""

    title: str
    classes: tuple[tuple[Group, ...], tuple[Group, ...]]

    def sample(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Points float64 (count, 2) and alternating labels int64 (count,), determined by the seed."""
        random = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)
        labels = torch.arange(count) % 2
        points = torch.empty(count, 2, dtype=torch.float64)
        for label, groups in enumerate(self.classes):
            rows = torch.arange(label, count, 2)
            shares = [group.share for group in groups]
            chosen = torch.from_numpy(random.choice(len(groups), len(rows), p=shares))
            points[rows] = sample_gaussians(*_gaussians(groups), chosen, generator)
        return points, labels

    def log_odds(self, points: Tensor) -> Tensor:
        """The log density ratio of the second class to the first at points (N, 2): 0 on the optimal boundary."""
        one, other = (_log_density(groups, points) for groups in self.classes)
        return other - one

    def least_error(self, count: int, seed: int) -> float:
        """The error of the optimal boundary, measured on `count` points (the Bayes error)."""
        points, labels = self.sample(count, seed)
        return float(((self.log_odds(points) > 0).long() != labels).double().mean())


def _gaussians(groups: tuple[Group, ...]) -> tuple[Tensor, Tensor]:
    means = torch.tensor([group.centre for group in groups], dtype=torch.float64)
    return means, cholesky_factors(torch.tensor([group.covariance for group in groups], dtype=torch.float64))


def _log_density(groups: tuple[Group, ...], points: Tensor) -> Tensor:
    shares = torch.tensor([group.share for group in groups], dtype=torch.float64)
    return (shares.log() + log_densities(points, *_gaussians(groups))).logsumexp(1)


def equal_covariances() -> TwoClasses:
    """One Gaussian a class with a common covariance: the assumption of linear GDA."""
    return TwoClasses("equal covariances", ((Group(1, (-1.1, -0.2), LEANING),), (Group(1, (1.1, 0.2), LEANING),)))


def different_covariances() -> TwoClasses:
    """One Gaussian a class, each with its own covariance: the assumption of quadratic GDA."""
    narrow, wide = ((0.25, 0.0), (0.0, 0.25)), ((2.2, 0.0), (0.0, 3.0))
    return TwoClasses("different covariances", ((Group(1, (-0.9, 0), narrow),), (Group(1, (1.2, 0), wide),)))


def with_far_group(distance: float) -> TwoClasses:
    """A third of the second class lies `distance` to the upper right, on that class's side of the boundary."""
    small = ((0.5, 0.0), (0.0, 0.5))
    near = Group(2 / 3, (1.1, -0.3), small)
    far = Group(1 / 3, (1.1 + 0.75 * distance, -0.3 + 0.66 * distance), small)
    return TwoClasses("a group far off", ((Group(1, (-1.1, 0.3), small),), (near, far)))
