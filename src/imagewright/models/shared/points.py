"""Models of latents applied to latents (points) themselves: a point of D dimensions is a picture of 1 x D pixels.

For code that has latents already and needs no encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from imagewright.capabilities import Classifies, require
from imagewright.model import Model
from imagewright.statistics.fitting import TensorStream, fit_model

BATCH = 512


def as_pictures(points: Tensor) -> Tensor:
    """Points (N, D) as pictures (N, 1, 1, D), float32."""
    return points[:, None, None, :].float()


def fit_classifier(
    model: str, options: Mapping[str, Any], points: Tensor, labels: Tensor, class_names: tuple[str, ...]
) -> Model:
    """Fit a classifier of the catalogue to labelled points.

    model: name in the catalogue; the model's configuration must have an `encoder`.
    options: of the model.
    points: (N, D).
    labels: int64 (N,).
    class_names: the classes, in the order of their numbers.
    """
    stream = TensorStream(as_pictures(points), labels)
    return fit_model(model, stream, encoder="pixels", class_names=class_names, **options)


def log_probabilities(model: Model, points: Tensor) -> Tensor:
    """The classifier's log-probabilities (N, K) of the classes of points (N, D)."""
    classifier = require(model, Classifies)
    with torch.inference_mode():
        return torch.cat([classifier.classify(as_pictures(rows)) for rows in points.split(BATCH)])
