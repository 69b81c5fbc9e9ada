"""Two classes of points in the plane whose densities are known, so that the best boundary there is can be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.statistics.gaussians import draws, factors_of, log_densities

ROUND = ((1.0, 0.0), (0.0, 1.0))
LEANING = ((1.0, 0.55), (0.55, 0.9))


@dataclass(frozen=True)
class Group:
    """A Gaussian cloud of a class: its share of the class, its centre, its covariance."""

    share: float
    centre: tuple[float, float]
    covariance: tuple[tuple[float, float], tuple[float, float]] = ROUND


@dataclass(frozen=True)
class TwoClasses:
    """Both classes are equally likely; each is made of groups."""

    title: str
    classes: tuple[tuple[Group, ...], tuple[Group, ...]]

    def sample(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Points float64 (count, 2) and labels, the classes in turn: the first points of more points are the same."""
        random = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)
        labels = torch.arange(count) % 2
        points = torch.empty(count, 2, dtype=torch.float64)
        for label, groups in enumerate(self.classes):
            rows = torch.arange(label, count, 2)
            shares = [group.share for group in groups]
            chosen = torch.from_numpy(random.choice(len(groups), len(rows), p=shares))
            points[rows] = draws(*_gaussians(groups), chosen, generator)
        return points, labels

    def log_odds(self, points: Tensor) -> Tensor:
        """Log density of points (N, 2) under the second class over that under the first: 0 on the best boundary."""
        one, other = (_log_density(groups, points) for groups in self.classes)
        return other - one

    def least_error(self, count: int, seed: int) -> float:
        """The share of `count` points that even the best boundary gets wrong."""
        points, labels = self.sample(count, seed)
        return float(((self.log_odds(points) > 0).long() != labels).double().mean())


def _gaussians(groups: tuple[Group, ...]) -> tuple[Tensor, Tensor]:
    means = torch.tensor([group.centre for group in groups], dtype=torch.float64)
    return means, factors_of(torch.tensor([group.covariance for group in groups], dtype=torch.float64))


def _log_density(groups: tuple[Group, ...], points: Tensor) -> Tensor:
    shares = torch.tensor([group.share for group in groups], dtype=torch.float64)
    return (shares.log() + log_densities(points, *_gaussians(groups))).logsumexp(1)


def alike() -> TwoClasses:
    """What linear GDA supposes: each class one Gaussian, both of the same shape."""
    return TwoClasses("alike: one shape", ((Group(1, (-1.1, -0.2), LEANING),), (Group(1, (1.1, 0.2), LEANING),)))


def unlike() -> TwoClasses:
    """What quadratic GDA supposes: a Gaussian each, of different shapes."""
    narrow, wide = ((0.25, 0.0), (0.0, 0.25)), ((2.2, 0.0), (0.0, 3.0))
    return TwoClasses("unlike: own shapes", ((Group(1, (-0.9, 0), narrow),), (Group(1, (1.2, 0), wide),)))


def with_far_group(distance: float) -> TwoClasses:
    """A third of the second class lies apart, on its own side of the boundary, `distance` to the upper right."""
    small = ((0.5, 0.0), (0.0, 0.5))
    near = Group(2 / 3, (1.1, -0.3), small)
    far = Group(1 / 3, (1.1 + 0.75 * distance, -0.3 + 0.66 * distance), small)
    return TwoClasses("a group far off", ((Group(1, (-1.1, 0.3), small),), (near, far)))
