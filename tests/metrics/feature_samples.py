"""Shared by tests of metrics on features: samples of given features, and metrics computed with default options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.metrics.metric import MetricContext, Sample, Value
from imagewright.metrics.registry import metric_named


class Blank:
    """Black pictures, one for each row of features."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def pictures(self, rows: np.ndarray) -> Tensor:
        return torch.zeros(len(rows), 1, 8, 8, dtype=torch.uint8)


def make_sample(
    features: np.ndarray, source: str = "some", labels: np.ndarray | None = None, names: tuple[str, ...] | None = None
) -> Sample:
    return Sample(source, Blank(len(features)), features.astype(np.float32), labels=labels, class_names=names)


def compute(
    metric: str, sample: Sample, reference: Sample | None, training: Sample | None = None, seed: int = 0, **options: Any
) -> dict[str, Value]:
    found = metric_named(metric)
    return found.compute(sample, reference, MetricContext({**found.options, **options}, seed, training))


def resident_kilobytes(folder: Path) -> int:
    """Of the files of a folder that this process has mapped."""
    mappings = Path("/proc/self/smaps").read_text().split(str(folder))[1:]
    return sum(int(each.split("Rss:")[1].split()[0]) for each in mappings)
