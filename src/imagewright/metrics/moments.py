"""Mean and covariance of features in one pass: in float64, merged over batches and ranks.

Chan, Golub & LeVeque 1983, eq. 2.1: two parts' sums of squares about their own means are joined by the distance of
the means, so that nothing cancels as it does in sums of plain squares.
Shape letters: N pictures, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.errors import DataError


@dataclass(frozen=True)
class Moments:
    """Of `count` pictures: `mean` (F,), and `scatter` (F, F), the sum of outer products about the mean; float64."""

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, block: int = 4096) -> Moments:
        """Of features (N, F) of any float type, read `block` rows at a time. Raises `DataError` for non-finite ones."""
        whole = cls.none(features.shape[1])
        for start in range(0, len(features), block):
            whole = whole.merged(cls._of_block(np.asarray(features[start : start + block], np.float64), start))
        return whole

    @classmethod
    def none(cls, dimension: int) -> Moments:
        """Of no pictures: what merging begins with."""
        return cls(0, np.zeros(dimension), np.zeros((dimension, dimension)))

    @classmethod
    def _of_block(cls, features: np.ndarray, first: int) -> Moments:
        wrong = ~np.isfinite(features).all(1)
        if wrong.any():
            raise DataError(
                f"The features of {wrong.sum():,} pictures, first of picture {first + int(wrong.argmax()):,}, are no "
                "finite numbers: a score of them would mean nothing. Are the network's weights whole?"
            )
        mean = features.mean(0)
        centred = features - mean
        return cls(len(features), mean, centred.T @ centred)

    def merged(self, other: Moments) -> Moments:
        """Of both sets together."""
        if not self.count or not other.count:
            return other if not self.count else self
        count = self.count + other.count
        apart = other.mean - self.mean
        share = self.count * other.count / count
        return Moments(
            count,
            self.mean + apart * (other.count / count),
            self.scatter + other.scatter + share * np.outer(apart, apart),
        )

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance, (F, F). Raises `DataError` for fewer than two pictures, which have none."""
        if self.count < 2:
            raise DataError(f"{self.count} pictures have no covariance: two at least are needed.")
        return self.scatter / (self.count - 1)
