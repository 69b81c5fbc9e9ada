"""Memorisation: do generated pictures lie nearer to training pictures than new real ones do?

Meehan, Chaudhuri & Dasgupta 2020, arXiv:2004.05675, section 4: in each cell of the space, by k-means over the training
pictures, the distances of generated and of held-out pictures to the nearest training picture of the cell are ranked
together; Z is the Mann-Whitney statistic in standard deviations, and C_T the mean of Z over cells, weighted by their
held-out pictures. Far below 0: copies, or pictures of little detail; far above: farther out than new real pictures lie.
As in the paper cells with too few generated pictures are left out: they are a matter of coverage. Beside it stands the
plain gap: the median distance to the nearest training picture over that of held-out pictures, 1 for an honest model.
`imagewright latent neighbours` names the copies, and judges by another test.
Shape letters: M generated and N held-out pictures, T training pictures, F features, K cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.features.blocks import ChosenRows, Rows
from imagewright.metrics.intervals import bootstrap, normal_interval
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.metrics.neighbours.distances import nearest_distances
from imagewright.seeds import derive_seed

CLUSTERED = 10_000  # training pictures that cells are found from
LEAST_OF_CELL = 20  # generated pictures of a cell that counts, and held-out ones
SAME = 1e-4  # of the typical distance: rounding of features apart, the same picture
CERTAIN = 3.0  # standard deviations


@dataclass(frozen=True)
class Copying:
    """`c_t`, in standard deviations; its `error` were all pictures drawn alike; `cells` that count, of `of_cells`."""

    c_t: float
    error: float
    cells: int
    of_cells: int


def mann_whitney(generated: np.ndarray, held_out: np.ndarray) -> float:
    """By how many standard deviations numbers (M,) are larger than others (N,), by ranks (eq. 1; ties count half)."""
    from scipy.stats import rankdata

    count, other = len(generated), len(held_out)
    ranks = rankdata(np.concatenate([generated, held_out]))[:count]
    larger = float(ranks.sum()) - count * (count + 1) / 2
    return (larger - count * other / 2) / math.sqrt(count * other * (count + other + 1) / 12)


def copying(distances: list[tuple[np.ndarray, np.ndarray]], least: int = LEAST_OF_CELL) -> Copying:
    """C_T from distances to the nearest training picture in each cell: of generated (m,), of held-out pictures (n,).

    Raises `DataError` where no cell has `least` of both.
    """
    counted = [pair for pair in distances if min(len(part) for part in pair) >= least]
    if not counted:
        raise DataError(
            f"No part of the space holds {least} generated and {least} held-out pictures together: memorisation cannot "
            "be told from so few. More pictures, or fewer cells (memorisation:cells=1), were expected."
        )
    weights = np.array([len(held_out) for _, held_out in counted], np.float64)
    weights /= weights.sum()
    found = float(weights @ [mann_whitney(*pair) for pair in counted])
    return Copying(found, float(np.sqrt(np.square(weights).sum())), len(counted), len(distances))


def cells_of(training: np.ndarray, others: list[np.ndarray], cells: int, seed: int) -> list[np.ndarray]:
    """The cell of each row of `training` (T, F) and of `others`, int64 each: by k-means over training pictures."""
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
    """For each cell: distances of its generated (m,) and held-out pictures (n,) to its nearest training picture."""
    places = cells_of(training, [generated, held_out], cells, seed)
    found = []
    for cell in range(cells):
        rows, *queries = (np.flatnonzero(place == cell) for place in places)
        if not len(rows):
            continue
        near = ChosenRows(training, rows)
        pairs = zip((generated, held_out), queries, strict=True)
        one, other = (_nearest(ChosenRows(features, asked), near) for features, asked in pairs)
        found.append((one, other))
    return found


def _nearest(queries: Rows, training: Rows) -> np.ndarray:
    return nearest_distances(queries, training)[:, 0] if len(queries) else np.empty(0)


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    generated, held_out, training = _features(sample, reference, setting)
    assert reference is not None
    nearest, control = _nearest(generated, training), _nearest(held_out, training)
    notes = _check_held_out(control, training, reference, setting)
    cells = _cells(setting.options["cells"], len(generated), len(held_out), len(training))
    one = [(nearest, control)]
    found = copying(one if cells == 1 else distances_by_cell(generated, held_out, training, cells, setting.seed))
    if found.c_t < -CERTAIN:
        notes += (
            "generated pictures lie nearer to training pictures than held-out ones do: copies, or a model that begins "
            "to learn by heart, or pictures of little detail (`imagewright latent neighbours` shows which)",
        )
    how = (
        f"95 %, in standard deviations, over {found.cells} of {found.of_cells} cells, {len(generated):,} generated and "
        f"{len(held_out):,} held-out pictures"
    )
    statistic = normal_interval(found.c_t, found.error, how)
    return {
        "memorisation_c_t": Value(statistic.value, statistic.low, statistic.high, how, notes),
        "nearest_ratio": _ratio(nearest, control, setting.seed),
    }


def _features(sample: Sample, reference: Sample | None, setting: Setting) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of generated, held-out and training pictures; of the first two as many as the option `pictures` at most."""
    training = setting.training
    if training is None or training.features is None or reference is None or reference.features is None:
        raise DataError(
            "memorisation holds generated pictures against the ones trained on and others held out: give both "
            "(training=SOURCE, --training; against=SOURCE, --against)."
        )
    assert sample.features is not None
    if setting.options["pictures"] < LEAST_OF_CELL:
        raise ConfigError(
            f"pictures={setting.options['pictures']}, but {LEAST_OF_CELL} at least were expected for memorisation."
        )
    found = []
    for features, what in ((sample.features, "generated"), (reference.features, "held-out")):
        rows = np.random.default_rng(derive_seed(setting.seed, what)).permutation(len(features))
        chosen = np.sort(rows[: setting.options["pictures"]])
        found.append(features if len(chosen) == len(features) else features[chosen])
    return found[0], found[1], training.features


def _check_held_out(control: np.ndarray, training: np.ndarray, reference: Sample, setting: Setting) -> tuple[str, ...]:
    """What to know of held-out pictures at distances `control`; `DataError` where they are the training pictures."""
    some = training[: min(len(training), 1024)].astype(np.float64)
    typical = float(np.sqrt(np.square(some - some.mean(0)).sum(1).mean()))
    same = int((control <= SAME * typical).sum())
    if 2 * same >= len(control):
        raise DataError(
            f"{same:,} of {len(control):,} pictures of {reference.source} are training pictures"
            f"{f' of {setting.training.source}' if setting.training else ''}: whether a model memorised shows against "
            "real pictures that it was not trained on. Hold it against those (--against SOURCE)."
        )
    if not same:
        return ()
    return (f"{same:,} of {len(control):,} held-out pictures are among the training pictures: they are not held out",)


def _cells(most: int, *counts: int) -> int:
    """As many cells as pictures fill."""
    if most < 1:
        raise ConfigError(f"cells={most}, but one at least was expected.")
    return max(1, min(most, min(counts) // (5 * LEAST_OF_CELL)))


def _ratio(nearest: np.ndarray, control: np.ndarray, seed: int) -> Value:
    """The ratio of medians; both sets are drawn anew for its interval."""
    which = np.concatenate([np.zeros(len(nearest)), np.ones(len(control))])
    rows = np.column_stack([np.concatenate([nearest, control]), which])

    def ratio(rows: np.ndarray) -> float:
        return float(np.median(rows[rows[:, 1] == 0, 0]) / np.median(rows[rows[:, 1] == 1, 0]))

    return bootstrap(rows, ratio, resamples=500, seed=seed, what="generated and held-out pictures")


METRIC = Metric(
    name="memorisation",
    outputs=(
        Output("memorisation_c_t", "memorisation C_T", None),
        Output("nearest_ratio", "distance to training pictures, over held-out", None),
    ),
    needs=frozenset({"features", "reference", "training"}),
    compute=_compute,
    source="Meehan, Chaudhuri & Dasgupta 2020, arXiv:2004.05675",
    least=LEAST_OF_CELL,
    advised=1_000,
    why_advised="C_T is in standard deviations, and few pictures leave a few copies within one",
    options={"cells": 10, "pictures": 5_000},
)
