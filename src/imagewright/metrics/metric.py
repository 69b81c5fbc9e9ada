"""What a metric is: the numbers it gives, what it needs for them, and the function that computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from torch import Tensor

from imagewright.metrics.frechet.moments import Moments
from imagewright.model import Model

Need = Literal["features", "logits", "reference", "labels", "reference labels", "model", "training"]


class Pictures(Protocol):
    """Pictures by number: row k is the same picture each time, and for whichever thread asks."""

    def __len__(self) -> int: ...

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        ...


@dataclass
class Sample:
    """A set of pictures as metrics see it: what a model made, a folder, or the real ones that it is held against.

    source: for messages. pictures: by number. features: float32 (N, F), maybe mapped from a file, so read them in
    blocks. logits: float32 (N, K). moments: of the features. labels: int64 (N,), with class_names. model: that made the
    pictures. Parts that no metric asked for (`needs`) are None. kept: what one metric worked out of the sample and
    another can use.
    """

    source: str
    pictures: Pictures
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    moments: Moments | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    model: Model | None = None
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True)
class Value:
    """A number, and where it is defined the interval that it lies in: `interval` says how that was found.

    notes: what to know of this number before it is trusted.
    """

    value: float
    low: float | None = None
    high: float | None = None
    interval: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """One number of a metric: its key, what it is called, and which way is better (None where neither is)."""

    name: str
    title: str
    better: Literal["lower", "higher"] | None


@dataclass(frozen=True)
class Setting:
    """What a metric is computed with: its own options, a seed for what it draws, the pictures of the training.

    `training`: pictures that the model was trained on, where the metric needs them ("training").
    """

    options: Mapping[str, Any]
    seed: int = 0
    training: Sample | None = None


Compute = Callable[[Sample, Sample | None, Setting], dict[str, Value]]


@dataclass(frozen=True)
class Metric:
    """One metric of the table.

    needs: which parts of the samples must be there. least: pictures of each set under which it is not defined.
    advised: generated pictures under which its bias or noise exceeds the differences one looks for; a warning says so.
    advised_for: the same where the features' dimension decides it; `advised` is then for the widest common ones.
    options: names and defaults, part of the recipe. compute: a value for each of the outputs. source: the paper.
    """

    name: str
    outputs: tuple[Output, ...]
    needs: frozenset[Need]
    compute: Compute
    source: str
    least: int = 2
    advised: int = 0
    why_advised: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    advised_for: Callable[[int], int] | None = None

    def advised_count(self, dimension: int | None) -> int:
        """The pictures advised where features have `dimension` numbers; None: it is not known."""
        return self.advised if self.advised_for is None or dimension is None else self.advised_for(dimension)
