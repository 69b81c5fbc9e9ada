"""Logistic regression on the latents of an encoder: the chances of the classes directly, without a density.

Cox 1958, "The regression analysis of binary sequences"; for several classes the softmax of as many linear functions.
scikit-learn does the fitting, on points held in memory: N x D numbers, never pictures.
Shape letters: N pictures, K classes, D dimensions of the points.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import LabelledConfig
from imagewright.model import Model, Stream
from imagewright.models.shared.classes import ABSENT
from imagewright.models.shared.latent_space import (
    LatentConfig,
    LatentSpace,
    check_varied,
    checked_labels,
    encoder_of,
    hold,
)


@dataclass(frozen=True, kw_only=True)
class LogisticRegressionConfig(LabelledConfig, LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    penalty: float = Field(
        1.0, gt=0, description="of the squared weights, halved, against the summed log-losses of the pictures"
    )
    most_iterations: int = Field(500, ge=1, description="of the solver (L-BFGS)")


class LogisticRegression(Model, LatentSpace):
    """Buffers, float64: `weights` (K, D), `biases` (K,). The softmax of the linear functions is what it answers."""

    Config = LogisticRegressionConfig
    resize_buffers = LatentSpace.resize_buffers
    config: LogisticRegressionConfig

    weights: Tensor
    biases: Tensor

    def __init__(self, config: LogisticRegressionConfig) -> None:
        super().__init__(config)
        self.encoder = encoder_of(config)
        empty = torch.zeros(0, dtype=torch.float64)
        hold(self, weights=empty, biases=empty)

    def fit(self, images: Stream) -> None:
        """The encoder, if it is fitted here, then the weights. Raises `DataError` without labels of two classes."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression as Fitting

        labels = checked_labels(images, self.class_names, "Logistic regression")
        self.fit_encoder(images)
        points = torch.cat(list(self.points(images)))
        check_varied(points, "Logistic regression")
        fitting = Fitting(C=1 / self.config.penalty, max_iter=self.config.most_iterations)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # ended by `most_iterations`, as was asked for
            fitted = fitting.fit(points.numpy(), labels.numpy())
        weights = torch.zeros(len(self.class_names), points.shape[1], dtype=torch.float64)
        biases = torch.full((len(self.class_names),), ABSENT, dtype=torch.float64)
        there = torch.from_numpy(fitted.classes_)
        if len(there) == 2:  # one function, of the second class: the first has 0
            biases[there[0]] = 0.0
            there = there[1:]
        weights[there] = torch.from_numpy(fitted.coef_)
        biases[there] = torch.from_numpy(fitted.intercept_)
        hold(self, weights=weights, biases=biases)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.config.class_names

    def classify(self, images: Tensor) -> Tensor:
        return (self.points_of(images) @ self.weights.T + self.biases).log_softmax(1).float()
