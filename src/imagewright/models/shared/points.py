"""Models of latents fitted to bare points: a picture of 1 x D pixels is a point of D dimensions.

For tools that have the points already: the same code fits and answers, without an encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue, configs
from imagewright.capabilities import Classifies, require
from imagewright.model import Model

POINTS_AT_ONCE = 512


class Points:
    """Labelled points, (N, D) and int64 (N,), as a stream of pictures (n, 1, 1, D)."""

    def __init__(self, points: Tensor, labels: Tensor) -> None:
        self._points, self.labels = points, labels

    def __len__(self) -> int:
        return len(self._points)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        for rows in self._points.split(batch_size):
            yield as_pictures(rows)


def as_pictures(points: Tensor) -> Tensor:
    """Points (N, D) as pictures (N, 1, 1, D)."""
    return points[:, None, None, :].float()


def classifier_of_points(
    model: str, options: Mapping[str, Any], points: Tensor, labels: Tensor, class_names: tuple[str, ...]
) -> Model:
    """A classifier of the catalogue fitted to labelled points; ask it by `log_probabilities`."""
    model_class = catalogue.model_class(model)
    shape = {"size": (1, points.shape[1]), "channels": 1, "encoder": "pixels", "class_names": class_names}
    built = model_class(configs.build(model_class.Config, shape | dict(options), model))
    with torch.inference_mode():
        built.fit(Points(points, labels))
    return built


def log_probabilities(model: Model, points: Tensor) -> Tensor:
    """What a classifier of points says of points (N, D): log-probabilities (N, K)."""
    classifier = require(model, Classifies)
    with torch.inference_mode():
        return torch.cat([classifier.classify(as_pictures(rows)) for rows in points.split(POINTS_AT_ONCE)])
