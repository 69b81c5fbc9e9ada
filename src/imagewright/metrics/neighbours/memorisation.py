"""Memorisation: whether generated pictures lie nearer to training pictures than held-out real pictures do.

Data-copying test C_T of Meehan, Chaudhuri & Dasgupta 2020, arXiv:2004.05675, section 4. The feature space is divided
into cells by k-means over the training pictures. In each cell the distances of generated and of held-out pictures to
the nearest training picture of the cell are ranked together; Z is the Mann-Whitney statistic in standard deviations.
C_T is the mean of Z over cells, weighted by their held-out pictures. Far below 0: copies, or pictures with little
detail. Far above 0: generated pictures lie farther out than held-out ones. As in the paper, cells with too few
generated pictures are left out: they are a matter of coverage.
`nearest_ratio` is the median distance to the nearest training picture over that of held-out pictures: 1 without
memorisation. `imagewright latent neighbours` shows the copies, and uses another test.
Shape letters: M generated and N held-out pictures, T training pictures, F features, K cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError, DataError, count_text
from imagewright.metrics.features.blocks import FeatureRows, RowSubset
from imagewright.metrics.intervals import bootstrap, normal_interval
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.neighbours.distances import nearest_distances
from imagewright.seeds import derive_seed

CLUSTERED = 10_000  # training pictures that k-means is fitted to
LEAST_OF_CELL = 20  # generated, and held-out, pictures below which a cell is left out
SAME = 1e-4  # of the typical distance: a smaller distance is rounding of the features of the same picture
CERTAIN = 3.0  # standard deviations


@dataclass(frozen=True)
class DataCopying:
    """The data-copying statistic.

    c_t: in standard deviations.
    error: its standard error under the hypothesis that both sets have the same distribution.
    cells: cells with enough pictures.
    of_cells: all cells.
    """

    c_t: float
    error: float
    cells: int
    of_cells: int


def mann_whitney(generated: np.ndarray, held_out: np.ndarray) -> float:
    """The Mann-Whitney statistic of numbers (M,) against others (N,), in standard deviations (eq. 1; ties count half).

    Positive if the first ones are larger.
    """
    from scipy.stats import rankdata

    count, other = len(generated), len(held_out)
    ranks = rankdata(np.concatenate([generated, held_out]))[:count]
    larger = float(ranks.sum()) - count * (count + 1) / 2
    return (larger - count * other / 2) / math.sqrt(count * other * (count + other + 1) / 12)


def data_copying(distances: list[tuple[np.ndarray, np.ndarray]], least: int = LEAST_OF_CELL) -> DataCopying:
    """C_T.

    distances: for each cell, to its nearest training picture: of generated (m,) and of held-out pictures (n,).
    least: a cell with fewer pictures of either set is left out.

    Raises `DataError` if no cell is left.
    """
    counted = [pair for pair in distances if min(len(part) for part in pair) >= least]
    if not counted:
        raise DataError(
            f"No cell has at least {least} generated and {least} held-out pictures, so memorisation is undefined: "
            "more pictures, or fewer cells (memorisation:cells=1), were expected."
        )
    weights = np.array([len(held_out) for _, held_out in counted], np.float64)
    weights /= weights.sum()
    found = float(weights @ [mann_whitney(*pair) for pair in counted])
    return DataCopying(found, float(np.sqrt(np.square(weights).sum())), len(counted), len(distances))


def assign_cells(training: np.ndarray, others: list[np.ndarray], cells: int, seed: int) -> list[np.ndarray]:
    """The cell of each row of `training` (T, F) and of each of `others`, int64, by k-means over training pictures."""
    if cells == 1:
        return [np.zeros(len(rows), np.int64) for rows in (training, *others)]
    from sklearn.cluster import KMeans

    generator = np.random.default_rng(derive_seed(seed, "cells"))
    chosen = np.sort(generator.permutation(len(training))[:CLUSTERED])
    fitted = KMeans(cells, n_init=1, random_state=derive_seed(seed, "k-means") % 2**32).fit(training[chosen])
    return [
        np.concatenate([fitted.predict(rows[start : start + 1024]) for start in range(0, len(rows), 1024)]).astype(int)
        for rows in (training, *others)
    ]


def distances_by_cell(
    generated: np.ndarray, held_out: np.ndarray, training: np.ndarray, cells: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each cell, the distances of its generated (m,) and held-out pictures (n,) to its nearest training picture."""
    places = assign_cells(training, [generated, held_out], cells, seed)
    found = []
    for cell in range(cells):
        rows, *queries = (np.flatnonzero(place == cell) for place in places)
        if not len(rows):
            continue
        near = RowSubset(training, rows)
        pairs = zip((generated, held_out), queries, strict=True)
        one, other = (_nearest(RowSubset(features, query), near) for features, query in pairs)
        found.append((one, other))
    return found


def _nearest(queries: FeatureRows, training: FeatureRows) -> np.ndarray:
    return nearest_distances(queries, training)[:, 0] if len(queries) else np.empty(0)


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    generated, held_out, training = _features(sample, reference, context)
    assert reference is not None
    nearest, control = _nearest(generated, training), _nearest(held_out, training)
    notes = _check_held_out(control, training, reference, context)
    cells = _cell_count(context.options["cells"], len(generated), len(held_out), len(training))
    one = [(nearest, control)]
    found = data_copying(one if cells == 1 else distances_by_cell(generated, held_out, training, cells, context.seed))
    if found.c_t < -CERTAIN:
        notes += (
            "generated pictures lie nearer to training pictures than held-out ones do: memorisation, or pictures with "
            "little detail (`imagewright latent neighbours` shows which)",
        )
    how = (
        f"95 %, in standard deviations, over {found.cells} of {found.of_cells} cells, {len(generated):,} generated and "
        f"{count_text(len(held_out), 'held-out picture')}"
    )
    statistic = normal_interval(found.c_t, found.error, how)
    return {
        "memorisation_c_t": Value(statistic.value, statistic.low, statistic.high, how, notes),
        "nearest_ratio": _ratio(nearest, control, context.seed),
    }


def _features(
    sample: Sample, reference: Sample | None, context: MetricContext
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The features of generated, held-out and training pictures; of the first two at most the option `pictures`."""
    training = context.training
    if training is None or training.features is None or reference is None or reference.features is None:
        raise DataError(
            "memorisation compares generated pictures with training pictures and held-out ones: name both "
            "(--training SOURCE, --against SOURCE)."
        )
    assert sample.features is not None
    if context.options["pictures"] < LEAST_OF_CELL:
        raise ConfigError(
            f"pictures={context.options['pictures']}, but at least {LEAST_OF_CELL} were expected for memorisation."
        )
    found = []
    for features, what in ((sample.features, "generated"), (reference.features, "held-out")):
        rows = np.random.default_rng(derive_seed(context.seed, what)).permutation(len(features))
        chosen = np.sort(rows[: context.options["pictures"]])
        found.append(features if len(chosen) == len(features) else features[chosen])
    return found[0], found[1], training.features


def _check_held_out(
    control: np.ndarray, training: np.ndarray, reference: Sample, context: MetricContext
) -> tuple[str, ...]:
    """Notes on held-out pictures, from their distances `control` to the nearest training picture.

    Raises `DataError` if at least half of them are training pictures.
    """
    some = training[: min(len(training), 1024)].astype(np.float64)
    typical = float(np.sqrt(np.square(some - some.mean(0)).sum(1).mean()))
    same = int((control <= SAME * typical).sum())
    if 2 * same >= len(control):
        raise DataError(
            f"{same:,} of {len(control):,} pictures of {reference.source} are training pictures"
            f"{f' of {context.training.source}' if context.training else ''}: memorisation shows only against real "
            "pictures that the model was not trained on. Name such pictures (--against SOURCE)."
        )
    if not same:
        return ()
    return (f"{same:,} of {len(control):,} held-out pictures are training pictures: they are not held out",)


def _cell_count(most: int, *counts: int) -> int:
    """The number of cells that the pictures fill: at most `most`, fewer for small sets."""
    if most < 1:
        raise ConfigError(f"cells={most}, but at least 1 was expected.")
    return max(1, min(most, min(counts) // (5 * LEAST_OF_CELL)))


def _ratio(nearest: np.ndarray, control: np.ndarray, seed: int) -> Value:
    """The ratio of medians; its interval resamples both sets."""
    which = np.concatenate([np.zeros(len(nearest)), np.ones(len(control))])
    rows = np.column_stack([np.concatenate([nearest, control]), which])

    def ratio(rows: np.ndarray) -> float:
        return float(np.median(rows[rows[:, 1] == 0, 0]) / np.median(rows[rows[:, 1] == 1, 0]))

    return bootstrap(rows, ratio, resamples=500, seed=seed, what="generated and held-out pictures")


METRIC = Metric(
    name="memorisation",
    outputs=(
        MetricOutput("memorisation_c_t", "memorisation C_T", None),
        MetricOutput("nearest_ratio", "distance to training pictures, relative to held-out ones", None),
    ),
    needs=frozenset({"features", "reference", "training"}),
    compute=_compute,
    source="Meehan, Chaudhuri & Dasgupta 2020, arXiv:2004.05675",
    summary="whether generated pictures copy training pictures",
    least=LEAST_OF_CELL,
    advised=1_000,
    why_advised="C_T is in standard deviations, and with few pictures a few copies stay within one of them",
    options={"cells": 10, "pictures": 5_000},
)
