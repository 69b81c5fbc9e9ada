"""Nearest-neighbour balls around the pictures of one set, and counts of the pictures of another set inside them.

The ball of a picture reaches to the k-th nearest other picture of its own set. Precision, recall, density and coverage
are all functions of these counts. Most of the work is the distances, so the counts are stored in the samples and
shared by both metrics.
Shape letters: R real pictures, G generated ones, F features, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.features.blocks import FeatureBlock, FeatureBlocks, FeatureRows, Normalization, RowSubset
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.neighbours.distances import DistanceEstimates, PrecisionSchedule, neighbour_distances
from imagewright.seeds import derive_seed


@dataclass(frozen=True)
class Balls:
    """A definition of the balls.

    neighbours: k.
    closed: whether a picture exactly at the edge is inside.
    """

    neighbours: int
    closed: bool


@dataclass(frozen=True)
class NeighbourhoodCounts:
    """NeighbourhoodCounts, int64.

    real_balls: (G,), for each generated picture, the real balls that contain it.
    generated_inside: (R,), for each real ball, the generated pictures inside.
    generated_balls: (R,), for each real picture, the generated balls that contain it.
    """

    real_balls: np.ndarray
    generated_inside: np.ndarray
    generated_balls: np.ndarray


# As defined in each paper. Computing either metric counts for both.
PRECISION_RECALL = Balls(3, closed=True)
DENSITY_COVERAGE = Balls(5, closed=False)


def neighbour_radii(features: FeatureRows, neighbours: int, source: str = "the pictures") -> np.ndarray:
    """Distances of each row (N, F) to its nearest others, float64 (N, K), K = `neighbours`.

    Raises `DataError` for too few rows.
    """
    if len(features) <= neighbours:
        raise DataError(
            f"{len(features):,} pictures of {source} do not have {neighbours} neighbours each: at least "
            f"{neighbours + 1:,} pictures are needed."
        )
    return neighbour_distances(features, neighbours)


def count_inside(
    real: FeatureRows,
    generated: FeatureRows,
    balls: Iterable[Balls],
    *,
    real_radii: np.ndarray | None = None,
    generated_radii: np.ndarray | None = None,
) -> dict[Balls, NeighbourhoodCounts]:
    """The counts for each definition of balls, equal to those of the whole distance matrix in float64.

    real: features (R, F).
    generated: features (G, F).
    balls: the definitions.
    real_radii, generated_radii: from `neighbour_radii`, computed here if not given.

    Raises `DataError` for too few rows, and for features that are not finite.
    """
    wanted = tuple(dict.fromkeys(balls))
    most = max(each.neighbours for each in wanted)
    if real_radii is None:
        real_radii = neighbour_radii(real, most, "the real ones")
    if generated_radii is None:
        generated_radii = neighbour_radii(generated, most, "the generated ones")
    sums = {
        each: NeighbourhoodCounts(*(np.zeros(len(rows), np.int64) for rows in (generated, real, real)))
        for each in wanted
    }
    normalization = Normalization.fit(real)
    rows, columns = FeatureBlocks(real, normalization), FeatureBlocks(generated, normalization)
    schedule = PrecisionSchedule(rows, columns)
    for one in rows:
        for other in columns:
            inner = real_radii[one.rows_in_set], generated_radii[other.rows_in_set]
            for each, counts in _count_pairs(one, other, schedule, wanted, *inner).items():
                sums[each].real_balls[other.rows_in_set] += counts.real_balls
                sums[each].generated_inside[one.rows_in_set] += counts.generated_inside
                sums[each].generated_balls[one.rows_in_set] += counts.generated_balls
    return sums


def _count_pairs(
    one: FeatureBlock,
    other: FeatureBlock,
    schedule: PrecisionSchedule,
    wanted: tuple[Balls, ...],
    real: np.ndarray,
    generated: np.ndarray,
) -> dict[Balls, NeighbourhoodCounts]:
    """The counts of one pair of blocks, with the radii (n, K) and (m, K) of their rows."""
    for precision in schedule:
        counter = _BlockCounter(DistanceEstimates(one, other, precision), wanted, real, generated)
        if counter.count(schedule, precision):
            break
    return counter.counts


class _BlockCounter:
    """The counts of a pair of blocks from estimates of one precision."""

    def __init__(
        self, estimates: DistanceEstimates, wanted: tuple[Balls, ...], real: np.ndarray, generated: np.ndarray
    ) -> None:
        self.estimates, self.wanted, self.real, self.generated = estimates, wanted, real, generated
        rows, columns = estimates.lower.shape
        self.counts = {
            each: NeighbourhoodCounts(np.zeros(columns, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.int64))
            for each in wanted
        }

    def count(self, schedule: PrecisionSchedule, precision: torch.dtype) -> bool:
        """Count all pairs; returns False if a better precision costs less than measuring the undecided pairs."""
        estimates = self.estimates
        widest = max(each.neighbours for each in self.wanted) - 1
        of_rows = estimates.normalized_limits(self.real[:, widest])[:, None]
        of_columns = estimates.normalized_limits(self.generated[:, widest])[None]
        measured = 0
        for first, second in estimates.pairs(of_rows, of_columns):
            least, most = estimates.bounds(first, second)
            open_pairs = self._undecided(first, second, least, most)
            measured += int(open_pairs.sum())
            if schedule.should_refine(precision, measured, estimates, widest + 1):
                return False
            # A measured distance is exact; any other lies on the same side of every edge as both of its bounds.
            most[open_pairs] = estimates.measure(first[open_pairs], second[open_pairs])
            self._add(first, second, most)
        return True

    def _radii(self, each: Balls, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.real[first, each.neighbours - 1], self.generated[second, each.neighbours - 1]

    def _undecided(self, first: np.ndarray, second: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
        """The pairs whose bounds lie on both sides of the edge of a ball, bool (P,)."""
        undecided = np.zeros(len(first), bool)
        for each in self.wanted:
            for radii in self._radii(each, first, second):
                undecided |= (least <= radii) & (radii <= most)
        return undecided

    def _add(self, first: np.ndarray, second: np.ndarray, distances: np.ndarray) -> None:
        for each, counts in self.counts.items():
            for of_real, radii in zip((True, False), self._radii(each, first, second), strict=True):
                inside = distances <= radii if each.closed else distances < radii
                rows = np.bincount(first[inside], minlength=len(counts.generated_balls))
                if of_real:
                    counts.generated_inside[:] += rows
                    counts.real_balls[:] += np.bincount(second[inside], minlength=len(counts.real_balls))
                else:
                    counts.generated_balls[:] += rows


@dataclass(eq=False)
class _Subsample:
    """The features of a sample that are compared, with their radii and counts as far as computed."""

    features: FeatureRows
    source: str
    radii: np.ndarray | None = None
    against: list[tuple[_Subsample, dict[Balls, NeighbourhoodCounts]]] = field(default_factory=list)

    def radii_up_to(self, neighbours: int) -> np.ndarray:
        if self.radii is None or self.radii.shape[1] < neighbours:
            self.radii = neighbour_radii(self.features, neighbours, self.source)
        return self.radii


def count_neighbourhoods(
    sample: Sample, reference: Sample, closed: bool, context: MetricContext
) -> tuple[Balls, NeighbourhoodCounts]:
    """The counts of a sample of generated pictures and a reference, by the options `neighbours` and `equal_counts`.

    The first call counts for both metrics, and the radii of a reference are computed once for all samples.

    sample: the generated pictures.
    reference: the real pictures.
    closed: whether a picture exactly at the edge of a ball is inside.
    context: with `equal_counts`, the larger set is subsampled by the seed to the size of the other.

    Raises `ConfigError` for fewer than one neighbour; `DataError` for too few pictures, or a reference of duplicates.
    """
    balls = Balls(context.options["neighbours"], closed)
    if balls.neighbours < 1:
        raise ConfigError(f"neighbours={balls.neighbours}, but at least 1 was expected.")
    equal = min(len(sample), len(reference)) if context.options["equal_counts"] else None
    real, generated = _subsample(reference, equal, context.seed), _subsample(sample, equal, context.seed)
    for known, counts in generated.against:
        if known is real and balls in counts:
            return balls, counts[balls]
    wanted = {balls}
    least = min(len(real.features), len(generated.features))
    wanted |= {each for each in (PRECISION_RECALL, DENSITY_COVERAGE) if each.neighbours < least}
    most = max(each.neighbours for each in wanted)
    real_radii, generated_radii = real.radii_up_to(most), generated.radii_up_to(most)
    if not real_radii[:, balls.neighbours - 1].any():
        raise DataError(
            f"Each of the {len(real_radii):,} pictures of {reference.source} has {balls.neighbours} others with equal "
            "features, so all balls have radius 0. Check that the pictures differ, and that the network's weights are "
            "not all zero."
        )
    counts = count_inside(
        real.features, generated.features, wanted, real_radii=real_radii, generated_radii=generated_radii
    )
    generated.against.append((real, counts))
    return balls, counts[balls]


def _subsample(sample: Sample, count: int | None, seed: int) -> _Subsample:
    assert sample.features is not None
    whole = count is None or count == len(sample.features)
    key = ("neighbourhoods", None if whole else (count, seed))
    if key not in sample.cache:
        features: FeatureRows = sample.features
        if not whole:
            shuffled = np.random.default_rng(derive_seed(seed, "equal counts")).permutation(len(features))
            features = RowSubset(sample.features, np.sort(shuffled[:count]))
        sample.cache[key] = _Subsample(features, sample.source)
    subsample: _Subsample = sample.cache[key]
    return subsample
