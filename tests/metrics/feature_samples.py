"""What the tests of metrics on features share: samples of bare features, and a metric computed with its defaults."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.metrics.metric import Sample, Setting, Value
from imagewright.metrics.registry import metric_named


class Blank:
    """As many pictures as there are features: black ones."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def pictures(self, rows: np.ndarray) -> Tensor:
        return torch.zeros(len(rows), 1, 8, 8, dtype=torch.uint8)


def sample_of(
    features: np.ndarray, source: str = "some", labels: np.ndarray | None = None, names: tuple[str, ...] | None = None
) -> Sample:
    return Sample(source, Blank(len(features)), features.astype(np.float32), labels=labels, class_names=names)


def computed(
    metric: str, sample: Sample, reference: Sample | None, training: Sample | None = None, seed: int = 0, **options: Any
) -> dict[str, Value]:
    found = metric_named(metric)
    return found.compute(sample, reference, Setting({**found.options, **options}, seed, training))
