"""The Frechet distance by class: whether a model conditioned on classes generates each class, and with variety.

Intra-FID of Miyato & Koyama 2018, arXiv:1802.05637, section 4.1: the distance between the generated and the real
pictures of each class, and the mean over classes. It responds to failures that the distance of whole sets misses:
exchanged classes, and classes that repeat one picture. Classes are matched by name and weighted equally.
Beside the mean, `class_fd/NAME` is the distance of one class.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from imagewright.errors import DataError
from imagewright.metrics.classes.classes import MatchedClasses, join_names, match_classes
from imagewright.metrics.frechet.distance import INFLUENCES, advised_for, frechet_distance, influences
from imagewright.metrics.frechet.moments import BLOCK, Moments
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.seeds import derive_seed


def class_moments(features: np.ndarray, rows: np.ndarray) -> Moments:
    """The moments of the rows int64 (n,) of features (N, F), read a block at a time."""
    whole = Moments.empty(features.shape[1])
    for start in range(0, len(rows), BLOCK):
        whole = whole.merge(Moments.from_features(features[rows[start : start + BLOCK]]))
    return whole


def class_distance(
    generated: np.ndarray, real: np.ndarray, classes: MatchedClasses, number: int, *, seed: int | None = None
) -> tuple[float, float]:
    """The distance of one class, and its standard error.

    generated, real: features (N, F) of both sets.
    classes: of both sets.
    number: the class.
    seed: of the pictures that the standard error is estimated from; None skips it and returns 0.
    """
    rows = np.flatnonzero(classes.generated == number)
    one = class_moments(generated, rows)
    other = class_moments(real, np.flatnonzero(classes.real == number))
    error = 0.0
    if seed is not None:
        some = np.sort(np.random.default_rng(seed).permutation(rows)[:INFLUENCES])
        error = float(influences(one, other, generated[some]).std(ddof=1)) / math.sqrt(len(rows))
    return frechet_distance(one, other), error


def check_counts(classes: MatchedClasses, sample: Sample, reference: Sample) -> None:
    """Raise `DataError` if a class has fewer than two pictures in either set: leaving it out would improve the mean."""
    for labels, what in ((classes.generated, f"scored pictures of {sample.source}"), (classes.real, reference.source)):
        counts = np.bincount(labels, minlength=len(classes.names))
        few = [f"{name!r} ({count})" for name, count in zip(classes.names, counts, strict=True) if count < 2]
        if few:
            raise DataError(
                f"class_fd needs at least two pictures of each class, and {what} has fewer of {join_names(few)}: score "
                "more pictures (count=N), or use a reference without these classes."
            )


def _notes_on_few(classes: MatchedClasses, dimension: int) -> tuple[str, ...]:
    """Notes on classes of too few pictures for so many features: among the scored ones, and among the real ones."""
    advised, notes = advised_for(dimension), []
    for labels, what in ((classes.generated, "scored"), (classes.real, "real")):
        counts = np.bincount(labels, minlength=len(classes.names))
        few = np.flatnonzero(counts < advised)
        if len(few):
            named = join_names([f"{classes.names[number]} ({counts[number]:,})" for number in few])
            notes.append(
                f"{len(few):,} of {len(counts):,} classes have fewer than the {advised:,} {what} pictures advised for "
                f"{dimension:,} features, so their distances are biased upwards: {named}"
            )
    return tuple(notes)


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    assert reference.features is not None
    classes = match_classes(sample, reference)
    check_counts(classes, sample, reference)
    seed = derive_seed(context.seed, "class_fd") if context.options["interval"] else None
    found = {
        name: class_distance(sample.features, reference.features, classes, number, seed=seed)
        for number, name in enumerate(classes.names)
    }
    notes = _notes_on_few(classes, sample.features.shape[1])
    distances = [distance for distance, _ in found.values()]
    error = math.sqrt(sum(error**2 for _, error in found.values())) / len(found)
    mean = _value(float(np.mean(distances)), error, f"the mean of {len(found):,} classes")
    return {
        "class_fd": dataclasses.replace(mean, notes=notes),
        **{f"class_fd/{name}": _value(*pair, "as many such pictures") for name, pair in found.items()},
    }


def _value(distance: float, error: float, of: str) -> Value:
    if not error:
        return Value(distance)
    return normal_interval(distance, error, f"95 %, of the expected distance of {of}, the reference fixed", least=0.0)


METRIC = Metric(
    name="class_fd",
    outputs=(MetricOutput("class_fd", "mean Frechet distance of a class", "lower"),),
    needs=frozenset({"features", "reference", "labels", "reference labels"}),
    compute=_compute,
    source="Miyato & Koyama 2018, arXiv:1802.05637 (intra-FID); Heusel et al. 2017, arXiv:1706.08500",
    summary="fd of each class, and their mean",
    least=4,
    options={"interval": True},
)
