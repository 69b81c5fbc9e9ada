"""Labelled pictures split into a training part and one held out, and turned into features.

Shape letters: N pictures, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue, configs
from imagewright.capabilities import Encodes, require
from imagewright.errors import ConfigError, DataError
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed

MOST_FOR_FEATURES = 10_000  # training pictures that the principal components are computed from
BATCH = 512


@dataclass(frozen=True)
class Labelled:
    """Points float32 (N, D) and their classes int64 (N,)."""

    points: Tensor
    labels: Tensor

    def first(self, count: int) -> Labelled:
        return Labelled(self.points[:count], self.labels[:count])


@dataclass
class Split:
    """One split: features, the training part in the order in which pictures are added, and what is held out."""

    encoder: Model
    training: Labelled
    held_out: Labelled


def split_of(
    images: Images,
    test: Images | None,
    test_labels: np.ndarray | None,
    encoder: Model | None,
    components: int | None,
    test_share: float,
    seed: int,
) -> Split:
    labels = labels_of(images)
    held = np.zeros(len(images), bool) if test is not None else held_out_of(labels, test_share, seed)
    order = _mixed(np.flatnonzero(~held), labels, np.random.default_rng(derive_seed(seed, "order")))
    training = images.subset(order)
    used = encoder or _principal_components(training.subset(np.arange(min(len(order), MOST_FOR_FEATURES))), components)
    if test is not None and test_labels is not None:
        judged = Labelled(features_of(used, test), torch.from_numpy(test_labels))
    else:
        judged = Labelled(features_of(used, images.subset(held)), torch.from_numpy(labels[held]))
    return Split(used, Labelled(features_of(used, training), torch.from_numpy(labels[order])), judged)


def labels_of(images: Images) -> np.ndarray:
    """The labels, int64 (N,). Raises `DataError` where there are none, or of one class alone."""
    if images.labels is None:
        raise DataError(
            f"Classifiers learn classes, but the pictures of {images.source} have no labels: put them in a sub-folder "
            "a class, or name a table of labels with --labels FILE (labels=FILE)."
        )
    if len(np.unique(images.labels)) < 2:
        raise DataError(f"All pictures of {images.source} are of one class: two or more are needed.")
    return images.labels


def labels_in(test: Images, class_names: tuple[str, ...]) -> np.ndarray:
    """The labels of other pictures by the numbers of these classes."""
    if test.labels is None or test.class_names is None:
        raise DataError(f"The pictures of {test.source} have no labels to judge classifiers by.")
    unknown = sorted({test.class_names[label] for label in np.unique(test.labels)} - set(class_names))
    if unknown:
        raise DataError(
            f"{test.source} has the class {unknown[0]!r}, which the training pictures have not: "
            "both need the same classes."
        )
    numbers = np.array([class_names.index(name) if name in class_names else -1 for name in test.class_names])
    return numbers[test.labels]


def held_out_of(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which pictures are held out, bool (N,): that share of each class, but never all of it. A lone one is kept."""
    if not 0 < share < 1:
        raise ConfigError(f"test_share={share:g}, but it must be a share between 0 and 1, such as 0.25.")
    generator = np.random.default_rng(seed)
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        held[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = True
    if not held.any():
        raise DataError("Each class has one picture, so that none can be held out to judge by: two or more are needed.")
    return held


def _mixed(rows: np.ndarray, labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The rows in a random order of which every beginning has the classes in about the proportions of the whole."""
    places = np.empty(len(rows))
    for label in np.unique(labels[rows]):
        own = labels[rows] == label
        places[own] = (generator.permutation(own.sum()) + generator.random()) / own.sum()
    return rows[np.argsort(places)]


def _principal_components(images: Images, components: int | None) -> Model:
    model_class = catalogue.model_class("pca")
    options = {"size": images.size, "channels": images.channels, "components": components}
    model = model_class(configs.build(model_class.Config, options, "pca"))
    with torch.inference_mode():
        model.fit(FloatStream(images))
    return model


def features_of(encoder: Model, images: Images) -> Tensor:
    """The latents of pictures, float32 (N, D)."""
    encodes = require(encoder, Encodes)
    with torch.inference_mode():
        batches = (encodes.encode(to_float(batch.images)) for batch in images.batches(BATCH))
        return torch.cat([latents.flatten(1) for latents in batches])
