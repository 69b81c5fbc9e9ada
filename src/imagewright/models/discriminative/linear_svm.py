"""Linear support vector machines, one-vs-rest, with margins calibrated to probabilities.

Cortes & Vapnik 1995, "Support-vector networks" (here with the squared hinge loss, by scikit-learn's liblinear); Platt
1999, "Probabilistic outputs for support vector machines": one sigmoid for each class, fitted to out-of-fold margins of
three-fold cross-validation; one sigmoid for all classes if a class has few pictures.
Fitted to all points, N x D numbers in memory.
Shape letters: N pictures, K classes, L classes that have pictures, D dimensions of the points.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import logsigmoid

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
from imagewright.statistics.platt import fit_sigmoid

FOLDS = 3  # Platt 1999, section 2.1
FEW = 10  # with fewer pictures in some class, all classes share one sigmoid
USUAL_STEPS = 200  # of the solver, for what is counted beforehand


@dataclass(frozen=True, kw_only=True)
class LinearSVMConfig(LabelledConfig, LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    penalty: float = Field(
        1.0,
        gt=0,
        description="factor of half the sum of squared weights, added to the summed squared hinge losses",
    )
    most_iterations: int = Field(2000, ge=1, description="of the solver")
    seed: int = Field(0, ge=0, lt=2**32, description="of the folds of the calibration")


class LinearSVM(Model, ClassifiesLatents):
    """Buffers, float64: `weights` (K, D), `biases` (K,) of the margins; `slopes`, `offsets` (K,) of the sigmoids.

    Probabilities are the sigmoids of the margins divided by their sum. With two classes the two margins are opposite.
    """

    Config = LinearSVMConfig
    resize_buffers = LatentModel.resize_buffers
    config: LinearSVMConfig
    sums_over_ranks = True

    weights: Tensor
    biases: Tensor
    slopes: Tensor
    offsets: Tensor

    def __init__(self, config: LinearSVMConfig) -> None:
        super().__init__(config)
        self.create_parts(config, "weights", "biases", "slopes", "offsets")

    def fit(self, images: Stream) -> None:
        """Fit the encoder (unless it came from a run), the machines, then their sigmoids.

        Raises `DataError` without labels of two classes, or if all latents are equal.
        """
        labels = require_labels(images, self.class_names, "A linear SVM").numpy()
        self.fit_encoder(images)
        points = self.all_points(images)
        require_variation(points, "A linear SVM")
        present = np.unique(labels)
        weights, biases = self._fit_machines(points.numpy(), labels, present)
        training_margins = points.numpy() @ weights.T + biases
        margins = self._out_of_fold_margins(points.numpy(), labels, present, training_margins)
        sigmoids = _fit_sigmoids(margins, labels[:, None] == present)
        classes = len(self.class_names)
        buffers = {
            "weights": torch.zeros(classes, points.shape[1], dtype=torch.float64),
            "biases": torch.zeros(classes, dtype=torch.float64),
            "slopes": torch.zeros(classes, dtype=torch.float64),
            "offsets": torch.full((classes,), ABSENT, dtype=torch.float64),  # for classes without pictures
        }
        for tensor, fitted in zip(buffers.values(), (weights, biases, sigmoids[:, 0], sigmoids[:, 1]), strict=True):
            tensor[torch.from_numpy(present)] = torch.from_numpy(fitted)
        register_buffers(self, **buffers)

    def check_images(self, images: Stream) -> None:
        require_labels(images, self.class_names, "A linear SVM")
        self.check_points(images, "A linear SVM")

    def fit_work(self, count: int) -> FitWork | None:
        if (found := self.points_work(count)) is None:
            return None
        dimensions = found.dimensions
        classes = len(self.class_names)
        # Points, those of the other folds in turn, and the solver's copy of them; margins.
        held = count * DOUBLE * (2 * dimensions + 6 * classes)
        machines = FitWork(LIBRARIES + held, 0, USUAL_STEPS * 4.0 * count * dimensions * classes)
        return found.reading(count * DOUBLE * dimensions).then(machines)

    def classify(self, images: Tensor) -> Tensor:
        log_sigmoids = logsigmoid(self.slopes * self.margins(self.encode_points(images)) + self.offsets)
        return (log_sigmoids - log_sigmoids.logsumexp(1, keepdim=True)).float()

    def margins(self, points: Tensor) -> Tensor:
        """Signed distances of points (N, D) from the boundary of each class, in units of its margin: (N, K)."""
        return points @ self.weights.T + self.biases

    # Parts

    def _fit_machines(
        self, points: np.ndarray, labels: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights (L, D) and biases (L,) of the classes `present`; 0 for a class that is not among the labels."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC

        fitting = LinearSVC(
            C=1 / self.config.penalty, max_iter=self.config.most_iterations, dual="auto", random_state=self.config.seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # `most_iterations` is the user's choice
            fitted = fitting.fit(points, labels)
        coefficients, intercepts = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:  # scikit-learn fits one machine for two classes
            coefficients, intercepts = np.stack([-coefficients[0], coefficients[0]]), np.r_[-intercepts, intercepts]
        weights, biases = np.zeros((len(present), points.shape[1])), np.zeros(len(present))
        rows = np.searchsorted(present, fitted.classes_)
        weights[rows], biases[rows] = coefficients, intercepts
        return weights, biases

    def _out_of_fold_margins(
        self, points: np.ndarray, labels: np.ndarray, present: np.ndarray, training_margins: np.ndarray
    ) -> np.ndarray:
        """Margins (N, L) of each picture from machines fitted to the other folds.

        A class whose pictures are all in one fold is unknown to the machines of the other folds; its margins in that
        fold are the `training_margins`.
        """
        folds = _assign_folds(labels, self.config.seed)
        margins = training_margins.copy()
        for fold in range(FOLDS):
            left_out, other_labels = folds == fold, labels[folds != fold]
            known = np.unique(other_labels)
            if len(known) < 2 or not left_out.any():
                continue
            weights, biases = self._fit_machines(points[~left_out], other_labels, present)
            columns = np.searchsorted(present, known)
            margins[np.ix_(left_out, columns)] = (points[left_out] @ weights.T + biases)[:, columns]
        return margins


def _fit_sigmoids(margins: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """The slope and offset of each class's sigmoid, (L, 2).

    If a class has fewer than `FEW` pictures, one sigmoid is fitted to all margins: the class of the largest margin is
    then also the most likely one, which separate sigmoids of a few pictures would not guarantee.

    margins: out of fold, (N, L).
    positive: whether each picture is of each class, bool (N, L).
    """
    if positive.sum(0).min() < FEW:
        return np.tile(fit_sigmoid(margins.ravel(), positive.ravel()), (margins.shape[1], 1))
    return np.array([fit_sigmoid(*columns) for columns in zip(margins.T, positive.T, strict=True)])


def _assign_folds(labels: np.ndarray, seed: int) -> np.ndarray:
    """A fold for each picture, (N,), stratified by class and shuffled."""
    generator = np.random.default_rng(seed)
    folds = np.zeros(len(labels), np.int64)
    start = 0
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        folds[rows] = (start + np.arange(len(rows))) % FOLDS
        start += len(rows)  # continue with the next fold, so that all folds are of equal size
    return folds
