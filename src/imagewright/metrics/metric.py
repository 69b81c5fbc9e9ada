"""The interface of a metric: its outputs, what it needs, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from torch import Tensor

from imagewright.metrics.disentanglement.known_factors import KnownFactors
from imagewright.metrics.frechet.moments import Moments
from imagewright.model import Model

Need = Literal["features", "logits", "reference", "labels", "reference labels", "model", "training", "factors"]


class Pictures(Protocol):
    """Pictures by number: row k is the same picture on every call and in every thread."""

    def __len__(self) -> int: ...

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        ...


@dataclass
class Sample:
    """A set of pictures with what metrics compute from: generated pictures, a folder, or the reference.

    source: for messages.
    pictures: by number.
    features: float32 (N, F); may be mapped from a file, so read it in blocks.
    logits: float32 (N, K).
    moments: of the features, once a metric asked for them (`frechet.distance.sample_moments`).
    load_moments: returns the stored moments of the features; None if they are to be computed.
    labels: int64 (N,), with class_names.
    found_classes: a digest of the labels that the scored model itself gave; "" for labels of the pictures.
    factors: of the pictures of the reference.
    model: the model that generated the pictures.
    cache: intermediate results that one metric stores for others.

    A field that no metric of the plan needs (`Metric.needs`) is None.
    """

    source: str
    pictures: Pictures
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    moments: Moments | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    found_classes: str = ""
    factors: KnownFactors | None = None
    model: Model | None = None
    load_moments: Callable[[], Moments] | None = None
    cache: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True)
class Value:
    """One number.

    value: the number.
    low, high: its interval; None if none is computed.
    interval: what the interval covers and how it was computed, in words.
    notes: what a reader should know before relying on the number.
    """

    value: float
    low: float | None = None
    high: float | None = None
    interval: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricOutput:
    """A number that a metric returns.

    name: its key.
    title: for tables.
    better: the better direction, None if neither is.
    """

    name: str
    title: str
    better: Literal["lower", "higher"] | None


@dataclass(frozen=True)
class MetricContext:
    """What a metric is computed with, besides the pictures.

    options: of the metric, all of them.
    seed: for its random draws.
    training: the training pictures of the model, if the metric needs them ("training").
    """

    options: Mapping[str, Any]
    seed: int = 0
    training: Sample | None = None


Compute = Callable[[Sample, Sample | None, MetricContext], dict[str, Value]]
"""From the pictures to score, the reference (None if the metric needs none) and the context to a value by output."""


@dataclass(frozen=True)
class Metric:
    """A metric.

    name: as in `--metrics`.
    outputs: the numbers that it returns.
    needs: the fields of both samples that it reads.
    compute: returns a value for each output.
    source: the paper.
    summary: what it measures, in a few words.
    least: pictures of each set below which it is undefined.
    advised: generated pictures below which its bias or noise exceeds typical differences; a warning says so.
    why_advised: the reason, for the warning.
    options: names and defaults; part of the recipe of a score.
    advised_for: `advised` by the dimension of the features; `advised` then holds for the widest common features.
    """

    name: str
    outputs: tuple[MetricOutput, ...]
    needs: frozenset[Need]
    compute: Compute
    source: str
    summary: str = ""
    least: int = 2
    advised: int = 0
    why_advised: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    advised_for: Callable[[int], int] | None = None

    def advised_count(self, dimension: int | None) -> int:
        """The pictures advised for features of `dimension` numbers; None if the dimension is unknown."""
        return self.advised if self.advised_for is None or dimension is None else self.advised_for(dimension)

    def with_options(self, options: Mapping[str, Any]) -> Metric:
        """The same metric with other values of its options, by name."""
        return replace(self, options={**self.options, **options})

    def to_dict(self) -> dict[str, Any]:
        """What it is, ready for JSON."""
        return {
            "name": self.name,
            "summary": self.summary,
            "outputs": [{"name": each.name, "title": each.title, "better": each.better} for each in self.outputs],
            "needs": sorted(self.needs),
            "options": dict(self.options),
            "least": self.least,
            "advised": self.advised,
            "source": self.source,
        }
