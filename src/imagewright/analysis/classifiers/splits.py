"""Splits of labelled pictures into a training and a test part, as features.

Shape letters: N pictures, D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import Encodes, require
from imagewright.errors import ConfigError, DataError
from imagewright.images import Images
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed
from imagewright.statistics.fitting import fit_model

MOST_FITTED = 10_000  # training pictures that the principal components are fitted to
BATCH = 512


@dataclass(frozen=True)
class LabelledFeatures:
    """Features float32 (N, D) and their classes int64 (N,)."""

    points: Tensor
    labels: Tensor

    def first(self, count: int) -> LabelledFeatures:
        """The first `count` pictures."""
        return LabelledFeatures(self.points[:count], self.labels[:count])


@dataclass(frozen=True)
class TrainTestSplit:
    """One split, and the encoder of its features. Any first part of `training` is stratified by class."""

    encoder: Model
    training: LabelledFeatures
    test: LabelledFeatures


def make_split(
    images: Images,
    test: Images | None,
    test_labels: np.ndarray | None,
    encoder: Model | None,
    components: int | None,
    test_share: float,
    seed: int,
) -> TrainTestSplit:
    """Split labelled pictures, and extract features of both parts.

    images: the labelled pictures.
    test: the test part; None takes a random share of each class of `images`.
    test_labels: of `test`, by the class numbers of `images`.
    encoder: of the features; None fits PCA to the training part, without its labels.
    components: of the PCA.
    test_share: of each class, if `test` is None.
    seed: of the split.
    """
    labels = require_labels(images)
    is_test = np.zeros(len(images), bool) if test is not None else choose_test_rows(labels, test_share, seed)
    order = _stratified_order(np.flatnonzero(~is_test), labels, np.random.default_rng(derive_seed(seed, "order")))
    training = images.subset(order)
    if encoder is None:
        options: dict[str, Any] = {"components": components}
        encoder = fit_model("pca", training.subset(np.arange(min(len(order), MOST_FITTED))), **options)
    if test is None or test_labels is None:
        test, test_labels = images.subset(is_test), labels[is_test]
    return TrainTestSplit(
        encoder=encoder,
        training=LabelledFeatures(extract_features(encoder, training), torch.from_numpy(labels[order])),
        test=LabelledFeatures(extract_features(encoder, test), torch.from_numpy(test_labels)),
    )


def require_labels(images: Images) -> np.ndarray:
    """The labels, int64 (N,), of pictures that all have a class. Raises `DataError` without labels of two classes."""
    if images.labels is None:
        raise DataError(
            f"Classifiers learn classes, but the pictures of {images.source} have no labels: put them in a sub-folder "
            "a class, or name a table of labels with --labels FILE (labels=FILE)."
        )
    if len(np.unique(images.labels)) < 2:
        raise DataError(f"All pictures of {images.source} are of one class: two or more are needed.")
    return images.labels


def match_labels(test: Images, class_names: tuple[str, ...]) -> np.ndarray:
    """The labels of test pictures as numbers of `class_names`, int64 (N,). Raises `DataError` for other classes."""
    if test.labels is None or test.class_names is None:
        raise DataError(f"The pictures of {test.source} have no labels to test classifiers on.")
    unknown = sorted({test.class_names[label] for label in np.unique(test.labels)} - set(class_names))
    if unknown:
        raise DataError(
            f"{test.source} has the class {unknown[0]!r}, which the training pictures have not: "
            "both need the same classes."
        )
    numbers = np.array([class_names.index(name) if name in class_names else -1 for name in test.class_names])
    return numbers[test.labels]


def choose_test_rows(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which pictures are in the test part, bool (N,): a random share of each class, at least one, but never all.

    The only picture of a class stays in the training part. Raises `DataError` if all classes have one picture.
    """
    if not 0 < share < 1:
        raise ConfigError(f"test_share={share:g}, but it must be a share between 0 and 1, such as 0.25.")
    generator = np.random.default_rng(seed)
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        is_test[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = True
    if not is_test.any():
        raise DataError("Each class has one picture, so that none is left to test on: two or more are needed.")
    return is_test


def _stratified_order(rows: np.ndarray, labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The rows in a random order of which any first part has about the class proportions of the whole."""
    places = np.empty(len(rows))
    for label in np.unique(labels[rows]):
        own = labels[rows] == label
        places[own] = (generator.permutation(own.sum()) + generator.random()) / own.sum()
    return rows[np.argsort(places)]


def extract_features(encoder: Model, images: Images) -> Tensor:
    """The latents of pictures, flattened, float32 (N, D)."""
    encodes = require(encoder, Encodes)
    with torch.inference_mode():
        batches = (encodes.encode(to_float(batch.images)) for batch in images.batches(BATCH))
        return torch.cat([latents.flatten(1) for latents in batches])
