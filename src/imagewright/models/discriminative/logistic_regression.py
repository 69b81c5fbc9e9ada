"""Logistic regression on the latents of an encoder.

Cox 1958, "The regression analysis of binary sequences"; for several classes the softmax of as many linear functions.
Fitted by scikit-learn to all points, N x D numbers in memory.
Shape letters: N pictures, K classes, D dimensions of the points.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import LabelledConfig
from imagewright.fit_work import DOUBLE, LIBRARIES, FitWork
from imagewright.model import Model, Stream
from imagewright.models.shared.classes import ABSENT
from imagewright.models.shared.latent_space import (
    ClassifiesLatents,
    LatentConfig,
    LatentModel,
    register_buffers,
    require_labels,
    require_variation,
)

USUAL_STEPS = 50  # of the solver, for what is counted beforehand
# Operations of a product of matrices that take as long as a step for a number of a point and a class.
OPERATIONS_A_LOGIT = 24


@dataclass(frozen=True, kw_only=True)
class LogisticRegressionConfig(LabelledConfig, LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    penalty: float = Field(
        1.0, gt=0, description="factor of half the sum of squared weights, added to the summed log-losses"
    )
    most_iterations: int = Field(500, ge=1, description="of the solver (L-BFGS)")


class LogisticRegression(Model, ClassifiesLatents):
    """Buffers, float64: `weights` (K, D), `biases` (K,). Probabilities are the softmax of the linear functions."""

    Config = LogisticRegressionConfig
    resize_buffers = LatentModel.resize_buffers
    config: LogisticRegressionConfig
    sums_over_ranks = True
    # After `fit`, for `fit_work`; not in a file: pictures, and steps of the solver.
    pictures_fitted: int | None = None
    steps_taken: int = 0

    weights: Tensor
    biases: Tensor

    def __init__(self, config: LogisticRegressionConfig) -> None:
        super().__init__(config)
        self.create_parts(config, "weights", "biases")

    def fit(self, images: Stream) -> None:
        """Fit the encoder (unless it came from a run), then the weights.

        Raises `DataError` without labels of two classes, or if all latents are equal.
        """
        labels = require_labels(images, self.class_names, "Logistic regression")
        self.fit_encoder(images)
        points = self.all_points(images)
        require_variation(points, "Logistic regression")
        # Imported after the encoder was fitted, whose arrays are no longer in memory beside the library.
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression as Fitting

        fitting = Fitting(C=1 / self.config.penalty, max_iter=self.config.most_iterations)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # `most_iterations` is the user's choice
            fitted = fitting.fit(points.numpy(), labels.numpy())
        self.pictures_fitted, self.steps_taken = len(points), int(fitted.n_iter_.max())
        weights = torch.zeros(len(self.class_names), points.shape[1], dtype=torch.float64)
        biases = torch.full((len(self.class_names),), ABSENT, dtype=torch.float64)
        present = torch.from_numpy(fitted.classes_)
        if len(present) == 2:  # scikit-learn returns the function of the second class; that of the first is 0
            biases[present[0]] = 0.0
            present = present[1:]
        weights[present] = torch.from_numpy(fitted.coef_)
        biases[present] = torch.from_numpy(fitted.intercept_)
        register_buffers(self, weights=weights, biases=biases)

    def check_images(self, images: Stream) -> None:
        require_labels(images, self.class_names, "Logistic regression")
        self.check_points(images, "Logistic regression")

    def fit_work(self, count: int) -> FitWork | None:
        if (found := self.points_work(count)) is None:
            return None
        dimensions = found.dimensions
        classes = len(self.class_names)
        # Beside the points, which the solver does not copy, what it keeps of each class and picture.
        held = count * DOUBLE * 4 * classes
        steps = float(min(USUAL_STEPS, self.config.most_iterations))
        if self.pictures_fitted:  # of twice the pictures, clothes and objects took the root of two as many
            growth = math.sqrt(count / self.pictures_fitted)
            steps = min(self.steps_taken * growth, self.config.most_iterations)
        solving = FitWork(LIBRARIES + held, 0, steps * OPERATIONS_A_LOGIT * count * dimensions * classes)
        return found.reading(count * DOUBLE * dimensions).then(solving)

    def classify(self, images: Tensor) -> Tensor:
        return (self.encode_points(images) @ self.weights.T + self.biases).log_softmax(1).float()
