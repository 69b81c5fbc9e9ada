"""The Frechet distance class by class: whether a model that is told of classes makes each of them, and varied.

Intra-FID of Miyato & Koyama 2018, arXiv:1802.05637, section 4.1: the distance between the generated and the real
pictures of each class, and the mean over classes. It sees what the distance of whole sets does not: classes that are
mixed up, or that show one picture each. Classes are matched by name; each counts as much as any other.
Beside the mean, `class_fd/NAME` is the distance of one class.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from imagewright.errors import DataError
from imagewright.metrics.classes.classes import Classes, listed, matched_classes
from imagewright.metrics.frechet.distance import SPREAD_OF, advised_for, frechet_distance, influences
from imagewright.metrics.frechet.moments import BLOCK, Moments
from imagewright.metrics.intervals import normal_interval
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.seeds import derive_seed


def class_moments(features: np.ndarray, rows: np.ndarray) -> Moments:
    """Of the features (N, F) of `rows` int64 (n,), read a block at a time."""
    whole = Moments.none(features.shape[1])
    for start in range(0, len(rows), BLOCK):
        whole = whole.merged(Moments.of(features[rows[start : start + BLOCK]]))
    return whole


def class_distance(
    generated: np.ndarray, real: np.ndarray, classes: Classes, number: int, *, seed: int | None = None
) -> tuple[float, float]:
    """The distance of one class by features (N, F) of both sets, and its standard error: 0 without a `seed`."""
    rows = np.flatnonzero(classes.generated == number)
    one = class_moments(generated, rows)
    other = class_moments(real, np.flatnonzero(classes.real == number))
    error = 0.0
    if seed is not None:
        looked_at = np.sort(np.random.default_rng(seed).permutation(rows)[:SPREAD_OF])
        error = float(influences(one, other, generated[looked_at]).std(ddof=1)) / math.sqrt(len(rows))
    return frechet_distance(one, other), error


def check_counts(classes: Classes, sample: Sample, reference: Sample) -> None:
    """Raise `DataError` for classes with fewer than two pictures in either set: to leave them out would flatter."""
    for labels, what in ((classes.generated, f"judged pictures of {sample.source}"), (classes.real, reference.source)):
        counts = np.bincount(labels, minlength=len(classes.names))
        few = [f"{name!r} ({count})" for name, count in zip(classes.names, counts, strict=True) if count < 2]
        if few:
            raise DataError(
                f"class_fd needs two pictures of each class at least, and {what} has fewer of {listed(few)}: judge "
                "more pictures (count=N), or hold them against a reference of the classes that are there."
            )


def _few_said(classes: Classes, dimension: int) -> tuple[str, ...]:
    counts = np.bincount(classes.generated, minlength=len(classes.names))
    advised = advised_for(dimension)
    few = np.flatnonzero(counts < advised)
    if not len(few):
        return ()
    named = listed([f"{classes.names[number]} ({counts[number]:,})" for number in few])
    return (
        f"{len(few):,} of {len(counts):,} classes have fewer than the {advised:,} judged pictures that are advised for "
        f"{dimension:,} features, and so come out too far: {named}",
    )


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    assert sample.features is not None
    assert reference.features is not None
    classes = matched_classes(sample, reference)
    check_counts(classes, sample, reference)
    seed = derive_seed(setting.seed, "class_fd") if setting.options["interval"] else None
    found = {
        name: class_distance(sample.features, reference.features, classes, number, seed=seed)
        for number, name in enumerate(classes.names)
    }
    notes = _few_said(classes, sample.features.shape[1])
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
    return normal_interval(distance, error, f"95 %, of the expected distance of {of}, this reference given", least=0.0)


METRIC = Metric(
    name="class_fd",
    outputs=(Output("class_fd", "mean Frechet distance of a class", "lower"),),
    needs=frozenset({"features", "reference", "labels", "reference labels"}),
    compute=_compute,
    source="Miyato & Koyama 2018, arXiv:1802.05637 (intra-FID); Heusel et al. 2017, arXiv:1706.08500",
    least=4,
    options={"interval": True},
)
