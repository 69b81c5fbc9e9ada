"""Two pixels of every picture as points in a plane, and the principal axes of these points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError

MOST_CORRELATION = 0.9  # of the two pixels: with more, the points are nearly a line already


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Two pixels of N pictures."""

    points: np.ndarray  # (N, 2), grey levels from 0 to 255
    places: tuple[tuple[int, int], tuple[int, int]]  # (row, column) of each pixel
    correlation: float
    angle: float  # radians, from the first pixel's axis to the first principal axis
    before: tuple[float, float]  # shares of the variance along the pixels' axes
    after: tuple[float, float]  # shares of the variance along the principal axes

    @property
    def centred(self) -> np.ndarray:
        """The points less their mean, (N, 2)."""
        return self.points - self.points.mean(0)

    def shares_at(self, angle: float) -> tuple[float, float]:
        """The shares of the variance along the two axes turned by an angle in radians."""
        variances = (self.centred @ axes_at(angle).T).var(0)
        return float(variances[0] / variances.sum()), float(variances[1] / variances.sum())


def axes_at(angle: float) -> np.ndarray:
    """The two axes of the plane turned by an angle in radians, as orthonormal rows."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def choose_plane(pictures: Tensor) -> Plane:
    """The pixel of most variance, and the pixel of highest correlation with it below `MOST_CORRELATION`.

    pictures: (N, C, H, W) in [-1, 1].

    Raises `DataError` if fewer than two pixels vary.
    """
    grey = ((pictures[:, :3].mean(1) + 1) * 127.5).double()
    deviations = grey.std(0)
    varying = (deviations > 0).nonzero()
    if len(varying) < 2:
        raise DataError("Fewer than two pixels of these pictures vary: there are no axes to turn. Take other pictures.")
    first = tuple((deviations == deviations.max()).nonzero()[0].tolist())
    standard = (grey - grey.mean(0)) / deviations.clamp(min=1e-9)
    correlations = (standard * standard[:, first[0], first[1], None, None]).sum(0) / (len(grey) - 1)
    correlations[~(deviations > deviations.max() / 2)] = 0
    correlations[first] = 0
    below = torch.where(correlations < MOST_CORRELATION, correlations, -1.0)
    row, column = divmod(int(below.argmax()), grey.shape[2])
    points = torch.stack([grey[:, first[0], first[1]], grey[:, row, column]], 1).numpy()
    values, vectors = np.linalg.eigh(np.cov(points.T))
    axis = vectors[:, 1] * (1 if vectors[0, 1] >= 0 else -1)
    variances = points.var(0) / points.var(0).sum()
    after = values[::-1] / values.sum()
    return Plane(
        points=points,
        places=((int(first[0]), int(first[1])), (row, column)),
        correlation=float(np.corrcoef(points.T)[0, 1]),
        angle=float(np.arctan2(axis[1], axis[0])),
        before=(float(variances[0]), float(variances[1])),
        after=(float(after[0]), float(after[1])),
    )
