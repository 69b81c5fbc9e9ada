"""Two pixels of every picture as points in a plane, and the axes that PCA turns theirs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError

TOO_ALIKE = 0.9  # correlation of two pixels beyond which the cloud is a line, and nothing is seen to be dropped


@dataclass(frozen=True)
class Plane:
    """`points` (N, 2), grey levels of 0 to 255 of the two pixels at `places`, ((row, column), (row, column)); `angle`
    in radians from the first pixel's axis to the first principal one; shares of the variance `before`, along the
    pixels' axes, and `after`, along the principal ones."""

    points: np.ndarray
    places: tuple[tuple[int, int], tuple[int, int]]
    correlation: float
    angle: float
    before: tuple[float, float]
    after: tuple[float, float]

    @property
    def centred(self) -> np.ndarray:
        """The points around their mean, (N, 2)."""
        return self.points - self.points.mean(0)

    def shares_at(self, angle: float) -> tuple[float, float]:
        """The shares of the variance along two axes turned by an angle."""
        variances = (self.centred @ axes_at(angle).T).var(0)
        return float(variances[0] / variances.sum()), float(variances[1] / variances.sum())


def axes_at(angle: float) -> np.ndarray:
    """Two orthonormal axes, as rows, turned by an angle in radians from those of the plane."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def plane_of(pictures: Tensor) -> Plane:
    """From pictures (N, C, H, W) in [-1, 1]: the pixel that varies most, and the one most like it short of the same.

    Raises `DataError` where fewer than two pixels vary.
    """
    grey = ((pictures[:, :3].mean(1) + 1) * 127.5).double()
    deviations = grey.std(0)
    varying = (deviations > 0).nonzero()
    if len(varying) < 2:
        raise DataError("Fewer than two pixels of these pictures vary: there are no axes to turn. Take other pictures.")
    first = tuple((deviations == deviations.max()).nonzero()[0].tolist())
    standard = (grey - grey.mean(0)) / deviations.clamp(min=1e-9)
    alike = (standard * standard[:, first[0], first[1], None, None]).sum(0) / (len(grey) - 1)
    alike[~(deviations > deviations.max() / 2)] = 0
    alike[first] = 0
    below = torch.where(alike < TOO_ALIKE, alike, -1.0)
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
