"""Who lies in whose neighbourhood: balls around the pictures of one set that hold pictures of another, counted.

A ball reaches from a picture to the k-th nearest other one of its own set. Precision and recall, density and coverage
are all counts of them, and most of the work is the distances: what one metric found is there for the next.
Shape letters: R real pictures, G generated ones, F features, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.features.blocks import Block, Blocks, ChosenRows, Frame, Rows
from imagewright.metrics.metric import Sample, Setting
from imagewright.metrics.neighbours.distances import Estimates, Ladder, neighbour_distances
from imagewright.seeds import derive_seed


@dataclass(frozen=True)
class Balls:
    """Balls up to neighbour number `neighbours`; `closed`: with what lies exactly at their edge."""

    neighbours: int
    closed: bool


@dataclass(frozen=True)
class Counts:
    """real_balls (G,): that hold each generated picture. generated_inside (R,): generated pictures in each real ball.

    generated_balls (R,): that hold each real picture. All int64.
    """

    real_balls: np.ndarray
    generated_inside: np.ndarray
    generated_balls: np.ndarray


# As each paper has them. Any evaluation of one metric finds what the other needs too.
PRECISION_RECALL = Balls(3, closed=True)
DENSITY_COVERAGE = Balls(5, closed=False)


def radii_of(features: Rows, neighbours: int, source: str = "the pictures") -> np.ndarray:
    """Distances of each row (N, F) to its nearest others, float64 (N, K), K = `neighbours`.

    Raises `DataError` for too few rows.
    """
    if len(features) <= neighbours:
        raise DataError(
            f"{len(features):,} pictures of {source} have no neighbour number {neighbours} each: {neighbours + 1:,} "
            "at least are needed."
        )
    return neighbour_distances(features, neighbours)


def count_inside(
    real: Rows,
    generated: Rows,
    balls: Iterable[Balls],
    *,
    real_radii: np.ndarray | None = None,
    generated_radii: np.ndarray | None = None,
) -> dict[Balls, Counts]:
    """For each kind of balls, the counts of real (R, F) and generated (G, F) features: those of the float64 matrix.

    The radii, from `radii_of`, are found here unless given. Raises `DataError` for too few rows or for features that
    are no finite numbers.
    """
    wanted = tuple(dict.fromkeys(balls))
    most = max(each.neighbours for each in wanted)
    if real_radii is None:
        real_radii = radii_of(real, most, "the real ones")
    if generated_radii is None:
        generated_radii = radii_of(generated, most, "the generated ones")
    sums = {each: Counts(*(np.zeros(len(rows), np.int64) for rows in (generated, real, real))) for each in wanted}
    frame = Frame.of(real)
    rows, columns = Blocks(real, frame), Blocks(generated, frame)
    ladder = Ladder(rows, columns)
    for one in rows:
        for other in columns:
            found = _count_pairs(one, other, ladder, wanted, real_radii[one.place], generated_radii[other.place])
            for each, counts in found.items():
                sums[each].real_balls[other.place] += counts.real_balls
                sums[each].generated_inside[one.place] += counts.generated_inside
                sums[each].generated_balls[one.place] += counts.generated_balls
    return sums


def _count_pairs(
    one: Block, other: Block, ladder: Ladder, wanted: tuple[Balls, ...], real: np.ndarray, generated: np.ndarray
) -> dict[Balls, Counts]:
    """The counts of one pair of blocks, with the radii (n, K) and (m, K) of their rows."""
    for precision in ladder:
        counting = _Counting(Estimates(one, other, precision), wanted, real, generated)
        if counting.done(ladder, precision):
            break
    return counting.counts


class _Counting:
    """The counts of a pair of blocks by estimates of one precision."""

    def __init__(
        self, estimates: Estimates, wanted: tuple[Balls, ...], real: np.ndarray, generated: np.ndarray
    ) -> None:
        self.estimates, self.wanted, self.real, self.generated = estimates, wanted, real, generated
        rows, columns = estimates.lower.shape
        self.counts = {
            each: Counts(np.zeros(columns, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.int64))
            for each in wanted
        }

    def done(self, ladder: Ladder, precision: torch.dtype) -> bool:
        """Count; False where so many pairs are undecided that better estimates cost less than measuring them."""
        estimates = self.estimates
        widest = max(each.neighbours for each in self.wanted) - 1
        of_rows = estimates.in_frame(self.real[:, widest])[:, None]
        limits = torch.maximum(of_rows, estimates.in_frame(self.generated[:, widest])[None])
        measured = 0
        for first, second in estimates.pairs(limits):
            least, most = estimates.bounds(first, second)
            open_pairs = self._undecided(first, second, least, most)
            measured += int(open_pairs.sum())
            if ladder.crowded(precision, measured, estimates, widest + 1):
                return False
            # What is measured is known exactly; what is not lies on the same side of every edge as its bounds.
            most[open_pairs] = estimates.measured(first[open_pairs], second[open_pairs])
            self._count(first, second, most)
        return True

    def _radii(self, each: Balls, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.real[first, each.neighbours - 1], self.generated[second, each.neighbours - 1]

    def _undecided(self, first: np.ndarray, second: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
        """Pairs of which the bounds do not say in which balls they are, bool (P,)."""
        undecided = np.zeros(len(first), bool)
        for each in self.wanted:
            for radii in self._radii(each, first, second):
                undecided |= (least <= radii) & (radii <= most)
        return undecided

    def _count(self, first: np.ndarray, second: np.ndarray, distances: np.ndarray) -> None:
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
class _Taken:
    """The pictures of a sample that are looked at, and what is known of them."""

    features: Rows
    source: str
    radii: np.ndarray | None = None
    against: list[tuple[_Taken, dict[Balls, Counts]]] = field(default_factory=list)

    def radii_up_to(self, neighbours: int) -> np.ndarray:
        if self.radii is None or self.radii.shape[1] < neighbours:
            self.radii = radii_of(self.features, neighbours, self.source)
        return self.radii


def counts_of(sample: Sample, reference: Sample, closed: bool, setting: Setting) -> tuple[Balls, Counts]:
    """The counts of generated pictures (the sample) and real ones, by the options `neighbours` and `equal_counts`.

    What both metrics of neighbourhoods need is counted the first time, and the radii of a reference are found once for
    all that is held against it. `equal_counts`: the larger set is thinned out to the size of the other by the seed.
    Raises `ConfigError` for fewer than one neighbour, `DataError` for too few pictures or a reference of equal ones.
    """
    balls = Balls(setting.options["neighbours"], closed)
    if balls.neighbours < 1:
        raise ConfigError(f"neighbours={balls.neighbours}, but one at least was expected.")
    equal = min(len(sample), len(reference)) if setting.options["equal_counts"] else None
    real, generated = _taken(reference, equal, setting.seed), _taken(sample, equal, setting.seed)
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
            f"Each of the {len(real_radii):,} pictures of {reference.source} has {balls.neighbours} others of the same "
            "features: there is no near and far among them. Are the pictures all equal, or the network's weights dead?"
        )
    counts = count_inside(
        real.features, generated.features, wanted, real_radii=real_radii, generated_radii=generated_radii
    )
    generated.against.append((real, counts))
    return balls, counts[balls]


def _taken(sample: Sample, count: int | None, seed: int) -> _Taken:
    assert sample.features is not None
    whole = count is None or count == len(sample.features)
    key = ("neighbourhoods", None if whole else (count, seed))
    if key not in sample.kept:
        features: Rows = sample.features
        if not whole:
            shuffled = np.random.default_rng(derive_seed(seed, "equal counts")).permutation(len(features))
            features = ChosenRows(sample.features, np.sort(shuffled[:count]))
        sample.kept[key] = _Taken(features, sample.source)
    taken: _Taken = sample.kept[key]
    return taken
