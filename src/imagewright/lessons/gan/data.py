"""The data of the lesson: mixtures of Gaussians in [-1, 1] or its square, whose density is known.

The ring and the grid are the sets on which mode collapse is usually shown (Metz et al. 2017, "Unrolled generative
adversarial networks", arXiv:1611.02163, section 3.1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

DataName = Literal["line", "ring", "grid", "moons", "comb", "moon", "spiral"]
CELL_OF_DRAWN, DEVIATION_OF_DRAWN, MOST_DRAWN = 0.4, 0.04, 128
NEAR = 3.0  # standard deviations within which a sample counts as one of a mode (Metz et al. 2017)


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians, each with one standard deviation, the same on every axis."""

    centres: np.ndarray  # (K, D), in [-1, 1]
    weights: np.ndarray  # (K,), summing to 1
    deviations: np.ndarray  # (K,)
    modes: tuple[np.ndarray, ...]  # the components that make up each mode, by number

    @property
    def dimensions(self) -> int:
        return int(self.centres.shape[1])

    def sample(self, count: int, random: np.random.Generator) -> np.ndarray:
        """(count, D) points."""
        chosen = random.choice(len(self.weights), count, p=self.weights)
        noise = random.standard_normal((count, self.dimensions))
        points: np.ndarray = self.centres[chosen] + self.deviations[chosen, None] * noise
        return points

    def density(self, points: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """The density at points (N, D), (N,), of the mixture convolved with a Gaussian of standard deviation `blur`."""
        variances = self.deviations**2 + blur**2
        squared = ((points[:, None] - self.centres) ** 2).sum(2)
        peaks = self.weights / (2 * np.pi * variances) ** (self.dimensions / 2)
        density: np.ndarray = (peaks * np.exp(-squared / (2 * variances))).sum(1)
        return density

    def modes_hit(self, points: np.ndarray) -> np.ndarray:
        """The share of points (N, D) within three standard deviations of each mode, (M,)."""
        squared = ((points[:, None] - self.centres) ** 2).sum(2)
        near = squared <= (NEAR * self.deviations) ** 2
        return np.array([near[:, components].any(1).mean() for components in self.modes])


def _line() -> Mixture:
    """Two modes that differ in weight and width."""
    return _mixture(np.array([[-0.5], [0.35]]), np.array([0.12, 0.18]), np.array([0.4, 0.6]))


def _ring() -> Mixture:
    angles = 2 * np.pi * np.arange(8) / 8
    return _mixture(0.75 * np.stack([np.cos(angles), np.sin(angles)], 1), np.full(8, 0.04))


def _grid() -> Mixture:
    places = np.linspace(-0.8, 0.8, 5)
    return _mixture(np.stack(np.meshgrid(places, places), 2).reshape(-1, 2), np.full(25, 0.05))


def _moons() -> Mixture:
    """Two interleaved half circles; a quarter of one counts as a mode."""
    along = np.pi * (np.arange(32) + 0.5) / 32
    arc = 0.5 * np.stack([np.cos(along), np.sin(along)], 1)
    shift = np.array([0.25, 0.125])
    centres = np.concatenate([arc - shift, shift - arc])
    return dataclasses.replace(_mixture(centres, np.full(64, 0.05)), modes=tuple(np.split(np.arange(64), 8)))


def _comb() -> Mixture:
    """Five narrow modes on a line."""
    return _mixture(np.linspace(-0.8, 0.8, 5)[:, None], np.full(5, 0.06))


def _moon() -> Mixture:
    """One half circle; a quarter of it counts as a mode."""
    along = np.pi * (np.arange(32) + 0.5) / 32
    arc = np.stack([0.8 * np.cos(along), 0.8 * np.sin(along) - 0.4], 1)
    return dataclasses.replace(_mixture(arc, np.full(32, 0.05)), modes=tuple(np.split(np.arange(32), 4)))


def _spiral() -> Mixture:
    """One and a half turns outwards; an eighth of the length counts as a mode."""
    radii = np.sqrt(np.linspace(0.15**2, 0.9**2, 64))  # the centres are about equally far apart
    angles = 3 * np.pi * (radii - radii[0]) / (radii[-1] - radii[0])
    centres = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    return dataclasses.replace(_mixture(centres, np.full(64, 0.04)), modes=tuple(np.split(np.arange(64), 8)))


def drawn_mixture(points: np.ndarray) -> Mixture:
    """A mixture with a component at each point that a person drew, (N, D) in [-1, 1].

    A cell of side 0.4 that holds points counts as a mode. Of many points `MOST_DRAWN` are taken.
    """
    points = points[np.linspace(0, len(points) - 1, min(len(points), MOST_DRAWN)).round().astype(np.int64)]
    cells, numbers = np.unique(np.floor((points + 1) / CELL_OF_DRAWN), axis=0, return_inverse=True)
    modes = tuple(np.flatnonzero(numbers.ravel() == number) for number in range(len(cells)))
    return dataclasses.replace(_mixture(points, np.full(len(points), DEVIATION_OF_DRAWN)), modes=modes)


def _mixture(centres: np.ndarray, deviations: np.ndarray, weights: np.ndarray | None = None) -> Mixture:
    count = len(centres)
    even = np.full(count, 1 / count)
    return Mixture(centres, even if weights is None else weights, deviations, tuple(np.arange(count)[:, None]))


DATA: dict[DataName, Callable[[], Mixture]] = {
    "line": _line, "ring": _ring, "grid": _grid, "moons": _moons, "comb": _comb, "moon": _moon, "spiral": _spiral
}  # fmt: skip
