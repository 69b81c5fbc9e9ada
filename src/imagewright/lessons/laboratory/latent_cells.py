"""The generator as a map: the cells of a grid of latents, where they go, and how dense the points are there.

As GAN Lab draws it (Kahng et al. 2018, arXiv:1809.01587). All cells have the same probability, so that a cell that the
generator makes small is dense. Shape letters: K cells along an axis, Z latents, D coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.lessons.gan.model import PointGAN
from imagewright.lessons.gan.training import Reference, generate_points

CELLS = {1: 60, 2: 20}  # along an axis, by the number of latents
SMALLEST = 1e-6  # length or area of a cell: a collapsed generator's have none


@dataclass(frozen=True, kw_only=True)
class LatentCells:
    """The cells of a grid of latents in the space of the data.

    before: the corners as they lie in the prior, from -1 to 1 by its quantiles, (K + 1,) * Z + (Z,).
    corners: where the generator maps them, (K + 1,) * Z + (D,).
    density: of the generated points in each cell, per length or area, (K,) * Z. Cells that overlap add up.
    """

    before: np.ndarray
    corners: np.ndarray
    density: np.ndarray


def map_cells(reference: Reference, model: PointGAN) -> LatentCells:
    """The cells under the generator as it is now."""
    latents = reference.latents.shape[1]
    places = np.linspace(-1, 1, CELLS[latents] + 1)
    before = np.stack(np.meshgrid(*[places] * latents, indexing="ij"), -1)
    mapped = generate_points(model, reference.to_latents(before.reshape(-1, latents)))
    corners = mapped.reshape(*before.shape[:-1], -1)
    sizes = _lengths(corners) if latents == 1 else _areas(corners)
    return LatentCells(before=before, corners=corners, density=1 / (sizes.size * np.maximum(sizes, SMALLEST)))


def _lengths(corners: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.linalg.norm(np.diff(corners, axis=0), axis=-1)
    return lengths


def _areas(corners: np.ndarray) -> np.ndarray:
    """The areas of quadrilaterals, each as two triangles, whose areas count also if the cell is folded."""
    first, right, up, last = corners[:-1, :-1], corners[1:, :-1], corners[:-1, 1:], corners[1:, 1:]
    return (_triangles(right - first, up - first) + _triangles(right - last, up - last)) / 2


def _triangles(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Twice the areas of the triangles between two sides."""
    twice: np.ndarray = np.abs(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])
    return twice
