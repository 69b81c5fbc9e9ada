"""Linear support vector machines, one a class against the rest, their margins calibrated to probabilities.

Cortes & Vapnik 1995, "Support-vector networks" (here with squared hinges, which scikit-learn's liblinear solves); Platt
1999, "Probabilistic outputs for support vector machines": a sigmoid a class, fitted to margins of pictures that the
machine has not seen, by three-fold cross-validation; one sigmoid for all where a class has few pictures.
Points are held in memory: N x D numbers, never pictures.
Shape letters: N pictures, K classes, D dimensions of the points.
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
from imagewright.statistics.platt import sigmoid_of

FOLDS = 3  # Platt 1999, section 2.1
FEW = 10  # pictures of a class, too few to fit a sigmoid of its own


@dataclass(frozen=True, kw_only=True)
class LinearSVMConfig(LabelledConfig, LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    penalty: float = Field(
        1.0,
        gt=0,
        description="of the squared weights, halved, against the summed squared hinge losses of the pictures",
    )
    most_iterations: int = Field(2000, ge=1, description="of the solver")
    seed: int = Field(0, ge=0, lt=2**32, description="of the folds that calibrate")


class LinearSVM(Model, LatentSpace):
    """Buffers, float64: `weights` (K, D), `biases` (K,) of the margins; `slopes`, `offsets` (K,) of the sigmoids.

    Probabilities: the sigmoids of the margins over their sum. For two classes both are of one machine.
    """

    Config = LinearSVMConfig
    resize_buffers = LatentSpace.resize_buffers
    config: LinearSVMConfig

    weights: Tensor
    biases: Tensor
    slopes: Tensor
    offsets: Tensor

    def __init__(self, config: LinearSVMConfig) -> None:
        super().__init__(config)
        self.encoder = encoder_of(config)
        empty = torch.zeros(0, dtype=torch.float64)
        hold(self, weights=empty, biases=empty, slopes=empty, offsets=empty)

    def fit(self, images: Stream) -> None:
        """The encoder, if it is fitted here, the machines, then their sigmoids. `DataError` without two classes."""
        labels = checked_labels(images, self.class_names, "A linear SVM").numpy()
        self.fit_encoder(images)
        points = torch.cat(list(self.points(images)))
        check_varied(points, "A linear SVM")
        there = np.unique(labels)
        weights, biases = self._machines(points.numpy(), labels, there)
        seen = points.numpy() @ weights.T + biases
        unseen = self._unseen_margins(points.numpy(), labels, there, seen)
        sigmoids = _sigmoids(unseen, labels[:, None] == there)
        classes = len(self.class_names)
        held = {
            "weights": torch.zeros(classes, points.shape[1], dtype=torch.float64),
            "biases": torch.zeros(classes, dtype=torch.float64),
            "slopes": torch.zeros(classes, dtype=torch.float64),
            "offsets": torch.full((classes,), ABSENT, dtype=torch.float64),  # of a class without pictures
        }
        for tensor, fitted in zip(held.values(), (weights, biases, sigmoids[:, 0], sigmoids[:, 1]), strict=True):
            tensor[torch.from_numpy(there)] = torch.from_numpy(fitted)
        hold(self, **held)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.config.class_names

    def classify(self, images: Tensor) -> Tensor:
        log_sigmoids = logsigmoid(self.slopes * self.margins(self.points_of(images)) + self.offsets)
        return (log_sigmoids - log_sigmoids.logsumexp(1, keepdim=True)).float()

    def margins(self, points: Tensor) -> Tensor:
        """The signed distances of points (N, D) from the boundary of each class, in units of its margin: (N, K)."""
        return points @ self.weights.T + self.biases

    # Parts

    def _machines(self, points: np.ndarray, labels: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (L, D) and biases (L,) of the machines of the L classes `there`: 0 for one not among the labels."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC

        fitting = LinearSVC(
            C=1 / self.config.penalty, max_iter=self.config.most_iterations, dual="auto", random_state=self.config.seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # ended by `most_iterations`, as was asked for
            fitted = fitting.fit(points, labels)
        coefficients, intercepts = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:  # one machine tells both apart
            coefficients, intercepts = np.stack([-coefficients[0], coefficients[0]]), np.r_[-intercepts, intercepts]
        weights, biases = np.zeros((len(there), points.shape[1])), np.zeros(len(there))
        rows = np.searchsorted(there, fitted.classes_)
        weights[rows], biases[rows] = coefficients, intercepts
        return weights, biases

    def _unseen_margins(
        self, points: np.ndarray, labels: np.ndarray, there: np.ndarray, seen: np.ndarray
    ) -> np.ndarray:
        """Margins (N, L) of each picture under machines fitted without its fold.

        A class of one picture, or one whose pictures all fall into a fold, keeps there the margins `seen` in training.
        """
        folds = _dealt_folds(labels, self.config.seed)
        margins = seen.copy()
        for fold in range(FOLDS):
            left_out, kept = folds == fold, labels[folds != fold]
            known = np.unique(kept)
            if len(known) < 2 or not left_out.any():
                continue
            weights, biases = self._machines(points[~left_out], kept, there)
            columns = np.searchsorted(there, known)
            margins[np.ix_(left_out, columns)] = (points[left_out] @ weights.T + biases)[:, columns]
        return margins


def _sigmoids(margins: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Slope and offset of each class, (L, 2), from margins on unseen pictures and who is of the class, both (N, L).

    Where a class has few pictures, all have one sigmoid, fitted to all margins: the class of the greatest margin then
    stays the likeliest, which sigmoids fitted to a handful of pictures would not keep.
    """
    if positive.sum(0).min() < FEW:
        return np.tile(sigmoid_of(margins.ravel(), positive.ravel()), (margins.shape[1], 1))
    return np.array([sigmoid_of(*columns) for columns in zip(margins.T, positive.T, strict=True)])


def _dealt_folds(labels: np.ndarray, seed: int) -> np.ndarray:
    """A fold for each picture, the pictures of each class dealt out evenly in random order."""
    generator = np.random.default_rng(seed)
    folds = np.zeros(len(labels), np.int64)
    start = 0
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        folds[rows] = (start + np.arange(len(rows))) % FOLDS
        start += len(rows)  # the next class goes on where this one ended: folds of equal size
    return folds
