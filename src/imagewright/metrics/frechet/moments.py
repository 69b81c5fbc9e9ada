"""Mean and covariance of features in one pass: in float64, merged over batches and ranks.

Chan, Golub & LeVeque 1983, eq. 2.1: two parts' sums of squares about their own means are joined by the distance of
the means, so that nothing cancels as it does in sums of plain squares.
Products are taken in float64: in float32 each covariance is off by 1e-7 of the largest, which is more than the small
variances that a Frechet distance takes square roots of (`benchmarks/frechet.py --accuracy` shows it).
Shape letters: N pictures, F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imagewright.errors import DataError
from imagewright.metrics.frechet.factors import factor_of

BLOCK = 4096  # rows at a time: 64 MiB of float64 at 2048 features


@dataclass(frozen=True, eq=False)
class Moments:
    """Of `count` pictures: `mean` (F,), and `scatter` (F, F), the sum of outer products about the mean; float64."""

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, block: int = BLOCK) -> Moments:
        """Of features (N, F) of any float type, read `block` rows at a time.

        Raises `DataError` for non-finite ones, and for an array that is no table of features.
        """
        if features.ndim != 2:
            raise DataError(f"Features of shape {features.shape}, where a row for each picture was expected.")
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
            pictures = "1 picture" if wrong.sum() == 1 else f"{wrong.sum():,} pictures"
            raise DataError(
                f"The features of {pictures}, first of picture {first + int(wrong.argmax()):,}, are no "
                "finite numbers: a score of them would mean nothing. Are the network's weights whole?"
            )
        mean = features.mean(0)
        centred = features - mean
        return cls(len(features), mean, centred.T @ centred)

    def merged(self, other: Moments) -> Moments:
        """Of both sets together. Raises `DataError` where they are of different features."""
        if self.dimension != other.dimension:
            raise DataError(f"Moments of {self.dimension:,} features cannot be merged with {other.dimension:,}.")
        if not self.count or not other.count:
            return other if not self.count else self
        count = self.count + other.count
        apart = other.mean - self.mean
        share = self.count * other.count / count
        scatter = np.outer(apart, apart)
        scatter *= share
        scatter += self.scatter
        scatter += other.scatter
        return Moments(count, self.mean + apart * (other.count / count), scatter)

    @property
    def dimension(self) -> int:
        """F."""
        return len(self.mean)

    @property
    def total_variance(self) -> float:
        """The sum of the features' variances, by N - 1. Raises `DataError` for fewer than two pictures."""
        self._check_two()
        return float(self.scatter.trace()) / (self.count - 1)

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance, (F, F). Raises `DataError` for fewer than two pictures, which have none."""
        self._check_two()
        return self.scatter / (self.count - 1)

    def _check_two(self) -> None:
        if self.count < 2:
            raise DataError(f"{self.count} pictures have no covariance: two at least are needed.")

    @cached_property
    def factor(self) -> np.ndarray:
        """L (F, R) with L L^T the covariance, of R < `count` columns. Made once: a reference is used often."""
        return factor_of(self.covariance, min(self.dimension, self.count - 1))

    def state(self) -> dict[str, np.ndarray]:
        """As arrays by name, to be saved: `count` (), `mean` (F,), `scatter` (F, F)."""
        return {"count": np.array(self.count, np.int64), "mean": self.mean, "scatter": self.scatter}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Moments:
        """The moments that `state` was taken of. Raises `DataError` for arrays that are none's: torn, or another's."""
        wrong = None
        if not {"count", "mean", "scatter"} <= set(state):
            wrong = f"{', '.join(sorted(state)) or 'nothing'} was found"
        else:
            count, mean, scatter = (np.asarray(state[name]) for name in ("count", "mean", "scatter"))
            if count.shape != () or mean.ndim != 1 or scatter.shape != 2 * mean.shape:
                wrong = f"the shapes are {count.shape}, {mean.shape} and {scatter.shape}"
            elif count < 0 or not (np.isfinite(mean).all() and np.isfinite(scatter).all()):
                wrong = "not all numbers are finite"
            elif not np.array_equal(scatter, scatter.T) or (scatter.diagonal() < 0).any():
                wrong = "the scatter is no sum of squares"
        if wrong:
            raise DataError(f"These are no moments, which are a count, a mean (F,) and a scatter (F, F): {wrong}.")
        return cls(int(count), mean.astype(np.float64), scatter.astype(np.float64))
