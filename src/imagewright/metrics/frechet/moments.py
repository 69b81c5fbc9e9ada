"""Mean and covariance of features in one pass, in float64, merged over batches and ranks.

Chan, Golub & LeVeque 1983, eq. 2.1: sums of squares of two parts about their own means are merged with the distance of
the means, which avoids the cancellation of plain sums of squares.
Products are in float64: in float32 each covariance has an error of 1e-7 of the largest, more than the small variances
whose square roots a Frechet distance takes (`benchmarks/frechet.py --accuracy` shows it).
Shape letters: N pictures, F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.metrics.features.mapped_arrays import release_pages
from imagewright.metrics.frechet.factors import factorize

BAND = 128  # rows of a matrix compared with its columns at a time
BLOCK = 4096  # rows at a time: 64 MiB of float64 at 2048 features


@dataclass(frozen=True, eq=False)
class Moments:
    """First and second moments of features.

    count: pictures.
    mean: float64 (F,).
    scatter: the sum of outer products about the mean, float64 (F, F).
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def from_features(cls, features: np.ndarray, block: int = BLOCK) -> Moments:
        """The moments of features.

        features: (N, F), of any float type.
        block: rows read at a time.

        Raises `DataError` for values that are not finite, and for an array of another shape.
        """
        if features.ndim != 2:
            raise DataError(f"Features of shape {features.shape}, but (N, F), a row for each picture, was expected.")
        whole = cls.empty(features.shape[1])
        for start in range(0, len(features), block):
            whole = whole.merge(cls._from_block(np.array(features[start : start + block], np.float64), start))
            release_pages(features)
        return whole

    @classmethod
    def empty(cls, dimension: int) -> Moments:
        """The moments of no pictures, to merge into."""
        return cls(0, np.zeros(dimension), np.zeros((dimension, dimension)))

    @classmethod
    def _from_block(cls, features: np.ndarray, first: int) -> Moments:
        """The moments of features (n, F) in float64, which are overwritten."""
        wrong = ~np.isfinite(features).all(1)
        if wrong.any():
            pictures = "1 picture" if wrong.sum() == 1 else f"{wrong.sum():,} pictures"
            raise DataError(
                f"The features of {pictures}, first of picture {first + int(wrong.argmax()):,}, are not "
                "finite numbers, so no score can be computed from them. Check that the network's weights are complete."
            )
        mean = features.mean(0)
        features -= mean
        return cls(len(features), mean, features.T @ features)

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets together. Raises `DataError` for different numbers of features."""
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
        """The sum of the features' variances, divided by N - 1. Raises `DataError` for fewer than two pictures."""
        self._check_two()
        return float(self.scatter.trace()) / (self.count - 1)

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance, (F, F). Raises `DataError` for fewer than two pictures."""
        self._check_two()
        return self.scatter / (self.count - 1)

    def _check_two(self) -> None:
        if self.count < 2:
            raise DataError(f"{count_text(self.count, 'picture')} given, and a covariance needs two at least.")

    @cached_property
    def factor(self) -> np.ndarray:
        """L (F, R) with L L^T the covariance and R < `count`. Computed once, since a reference is reused."""
        return factorize(self.covariance, min(self.dimension, self.count - 1))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays by name, for a file: `count` (), `mean` (F,), `scatter` (F, F)."""
        return {"count": np.array(self.count, np.int64), "mean": self.mean, "scatter": self.scatter}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Moments:
        """The moments of `to_arrays`. Raises `DataError` for arrays that are not moments."""
        wrong = None
        if not {"count", "mean", "scatter"} <= set(arrays):
            wrong = f"{', '.join(sorted(arrays)) or 'nothing'} was found"
        else:
            count, mean, scatter = (np.asarray(arrays[name]) for name in ("count", "mean", "scatter"))
            if count.shape != () or mean.ndim != 1 or scatter.shape != 2 * mean.shape:
                wrong = f"the shapes are {count.shape}, {mean.shape} and {scatter.shape}"
            elif count < 0 or not (np.isfinite(mean).all() and np.isfinite(scatter).all()):
                wrong = "not all numbers are finite"
            elif not _is_symmetric(scatter) or (scatter.diagonal() < 0).any():
                wrong = "the scatter is not symmetric with a diagonal from 0 up"
        if wrong:
            raise DataError(
                f"These are not moments: a count, a mean (F,) and a scatter (F, F) were expected, but {wrong}."
            )
        return cls(int(count), mean.astype(np.float64), scatter.astype(np.float64))


def _is_symmetric(matrix: np.ndarray) -> bool:
    """Compared in bands, since reading a large matrix across its rows all at once is slow."""
    return all(
        np.array_equal(matrix[start : start + BAND, start:], matrix[start:, start : start + BAND].T)
        for start in range(0, len(matrix), BAND)
    )
