"""Classification accuracy scores by a network trained on the pictures themselves (`accuracies.py` defines the scores).

Ravuri & Vinyals 2019, arXiv:1905.10887, section 3, train a ResNet-50. Here a small convolutional network is trained on
pictures of 32 pixels with fixed settings, which takes minutes on a laptop. It responds to details that features trained
on other pictures miss. Its accuracies are comparable only with one another.
The same seed gives the same network on the same machine with the same number of threads.
Shape letters: N pictures, n some of them, C colours, S side, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from imagewright import optimizers
from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes.accuracies import OPTIONS, accuracies, accuracy_outputs
from imagewright.metrics.features.mapped_arrays import allocate_array
from imagewright.metrics.metric import Metric, MetricContext, Pictures, Sample, Value
from imagewright.pixels import to_float
from imagewright.pretrained.resizing import resize_images
from imagewright.seeds import derive_seed

WIDTHS = (32, 64, 128, 256)  # channels at each scale: the picture's side, then each time half of it
BATCH = 64
LEARNING_RATE = 2e-3  # of Adam, initially; it decays to 0 along a cosine
AT_ONCE = 1024  # pictures read at a time
LEAST_SIDE = 8


def build_network(channels: int, classes: int) -> nn.Sequential:
    """A network from pictures (n, C, S, S) in [-1, 1], of any side from 8 pixels on, to logits (n, K)."""
    layers: list[nn.Module] = []
    for level, (before, after) in enumerate(pairwise((channels, *WIDTHS))):
        layers += [
            nn.Conv2d(before, after, 3, stride=1 if level == 0 else 2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], classes))


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network in evaluation mode."""

    network: nn.Module

    def correct(self, images: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether it classifies uint8 images (N, C, S, S) at `rows` (n,) as their labels int64 (N,): bool (n,)."""
        found = []
        with torch.inference_mode():
            for part in np.array_split(rows, -(-len(rows) // BATCH)):
                found.append(self.network(to_float(torch.from_numpy(images[part]))).argmax(1).numpy())
        correct: np.ndarray = np.concatenate(found) == labels[rows]
        return correct


def train_network(images: np.ndarray, labels: np.ndarray, rows: np.ndarray, epochs: int, seed: int) -> TrainedNetwork:
    """Train a network; the global random state is restored.

    images: uint8 (N, C, S, S).
    labels: int64 (N,).
    rows: the pictures to train on, int64 (n,).
    epochs: passes over them.
    seed: of the weights and the order.

    Raises `DataError` for rows of one class.
    """
    if len(np.unique(labels[rows])) < 2:
        raise DataError(
            f"All {len(rows):,} pictures to train a classifier on are of one class: at least two are needed."
        )
    whole_batches = max(1, len(rows) // BATCH)  # an incomplete batch would have poor batch statistics
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "classifier"))
        network = build_network(images.shape[1], int(labels.max()) + 1).train()
        optimizer = optimizers.Adam(network.parameters(), LEARNING_RATE, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * whole_batches)
        for _ in range(epochs):
            for batch in torch.randperm(len(rows)).split(BATCH)[:whole_batches]:
                chosen = rows[batch.numpy()]
                logits = network(to_float(torch.from_numpy(images[chosen])))
                loss = cross_entropy(logits, torch.from_numpy(labels[chosen]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return TrainedNetwork(network.eval())


def resize_all(pictures: Pictures, side: int) -> np.ndarray:
    """All pictures resized to a side, uint8 (N, C, S, S); a large set is mapped from an unnamed file."""
    found = np.empty(0, np.uint8)
    for start in range(0, len(pictures), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(pictures)))
        images = resize_images(pictures.pictures(rows), (side, side), "lanczos").numpy()
        if start == 0:
            found = allocate_array((len(pictures), *images.shape[1:]), np.uint8)
        found[rows] = images
    return found


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    side, epochs = context.options["side"], context.options["epochs"]
    if side < LEAST_SIDE or epochs < 1:
        raise ConfigError(
            f"side={side}, epochs={epochs}, but at least {LEAST_SIDE} pixels and one epoch were expected."
        )

    def train(images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> TrainedNetwork:
        return train_network(images, labels, rows, epochs, context.seed)

    sources = resize_all(sample.pictures, side), resize_all(reference.pictures, side)
    return accuracies(sample, reference, context, name="network_accuracy", sources=sources, train=train)


METRIC = Metric(
    name="network_accuracy",
    outputs=accuracy_outputs("network_accuracy", "accuracy of a network"),
    needs=frozenset({"reference", "labels", "reference labels"}),
    compute=_compute,
    source="Ravuri & Vinyals 2019, arXiv:1905.10887; Shmelkov et al. 2018, arXiv:1807.09499",
    summary="classes of generated pictures, by a network trained on the pictures",
    least=10,
    advised=5_000,
    why_advised="a network trained from random weights learns little from few pictures",
    options={**OPTIONS, "side": 32, "epochs": 10},
)
