"""Classification accuracy scores by a network that is trained on the pictures themselves.

Ravuri & Vinyals 2019, arXiv:1905.10887, section 3, train a ResNet-50; here it is a small network on pictures of 32
pixels, by a fixed recipe, which takes minutes on a laptop. It sees what features made for other pictures do not, and
accuracies by it compare with no others. `accuracies.py` says what they tell.
The same seed gives the same network on the same machine and number of threads, as any training does.
Shape letters: N pictures, n some of them, C colours, S side, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes.accuracies import OPTIONS, accuracies, outputs_of
from imagewright.metrics.features.extraction import room
from imagewright.metrics.metric import Metric, Pictures, Sample, Setting, Value
from imagewright.pixels import to_float
from imagewright.pretrained.resizing import resize_images
from imagewright.seeds import derive_seed

WIDTHS = (32, 64, 128, 256)  # channels, at the picture's side and each half of it
BATCH = 64
LEARNING_RATE = 2e-3  # of Adam at first; it falls to 0 along a cosine
AT_ONCE = 1024  # pictures that are read at a time
LEAST_SIDE = 8


def network_of(channels: int, classes: int) -> nn.Sequential:
    """(n, C, S, S) in [-1, 1], of any side from 8 on, to logits (n, K)."""
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
    """A network in the mode of use."""

    network: nn.Module

    def right(self, images: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Whether it tells the class of uint8 images (N, C, S, S) at `rows` int64 (n,), by labels int64 (N,)."""
        found = []
        with torch.inference_mode():
            for part in np.array_split(rows, -(-len(rows) // BATCH)):
                found.append(self.network(to_float(torch.from_numpy(images[part]))).argmax(1).numpy())
        right: np.ndarray = np.concatenate(found) == labels[rows]
        return right


def train(images: np.ndarray, labels: np.ndarray, rows: np.ndarray, epochs: int, seed: int) -> TrainedNetwork:
    """A network of uint8 images (N, C, S, S) and labels int64 (N,) at `rows` int64 (n,).

    The global random state is left as it was. Raises `DataError` for rows of one class.
    """
    if len(np.unique(labels[rows])) < 2:
        raise DataError(f"All {len(rows):,} pictures to train a classifier on are of one class: more are needed.")
    whole_batches = max(1, len(rows) // BATCH)  # statistics of a last batch of a few pictures would be those of no set
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "classifier"))
        network = network_of(images.shape[1], int(labels.max()) + 1).train()
        optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
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


def brought(pictures: Pictures, side: int) -> np.ndarray:
    """All pictures at that side, uint8 (N, C, S, S), each made once; a large set is mapped from a nameless file."""
    found = np.empty(0, np.uint8)
    for start in range(0, len(pictures), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(pictures)))
        images = resize_images(pictures.pictures(rows), (side, side), "lanczos").numpy()
        if start == 0:
            found = room((len(pictures), *images.shape[1:]), np.uint8)
        found[rows] = images
    return found


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    side, epochs = setting.options["side"], setting.options["epochs"]
    if side < LEAST_SIDE or epochs < 1:
        raise ConfigError(
            f"side={side}, epochs={epochs}, but {LEAST_SIDE} pixels and one epoch at least were expected."
        )

    def trained(images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> TrainedNetwork:
        return train(images, labels, rows, epochs, setting.seed)

    sources = brought(sample.pictures, side), brought(reference.pictures, side)
    return accuracies(sample, reference, setting, name="network_accuracy", sources=sources, train=trained)


METRIC = Metric(
    name="network_accuracy",
    outputs=outputs_of("network_accuracy", "accuracy of a network"),
    needs=frozenset({"reference", "labels", "reference labels"}),
    compute=_compute,
    source="Ravuri & Vinyals 2019, arXiv:1905.10887; Shmelkov et al. 2018, arXiv:1807.09499",
    least=10,
    advised=5_000,
    why_advised="a network that is trained from nothing learns little from few pictures",
    options={**OPTIONS, "side": 32, "epochs": 10},
)
