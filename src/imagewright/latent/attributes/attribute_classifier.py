"""Attribute classifier: a small convolutional network that measures the effect of moving latents.

It is trained on real pictures only, and sees pixels and never latents, so that its predictions are independent of the
model whose directions it measures. One sigmoid for each attribute, trained by binary cross-entropy.
Shape letters: N pictures, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from imagewright import optimizers
from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.pixels import to_float
from imagewright.progress import Progress
from imagewright.seeds import derive_seed

SIDE = 32  # pixels of the longer side of its input; twice as many do not help to recognise a smile
WIDTHS = (24, 48, 96)
IMAGES_SEEN = 60_000  # under a minute on one core
MOST_PICTURES = 20_000  # in memory
BATCH = 64
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class AttributeClassifier:
    """A trained network, the names of its attributes, and its accuracy for each on held-out pictures."""

    names: tuple[str, ...]
    network: nn.Module
    accuracy: dict[str, float]

    def probabilities(self, images: Tensor) -> Tensor:
        """Probabilities (N, A) from 0 to 1 for uint8 pictures (N, C, H, W) of any size."""
        with torch.inference_mode():
            return torch.cat([self.network(to_float(_shrink(part))).sigmoid() for part in images.split(256)])


def train_attribute_classifier(
    images: Images,
    names: Sequence[str],
    values: np.ndarray,
    held_out: tuple[Images, np.ndarray],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> AttributeClassifier:
    """Train a classifier of attributes. Equal seeds give equal classifiers.

    images: pictures to train on.
    names: of the A attributes.
    values: bool (N, A), of the pictures.
    held_out: other pictures and their values, to measure the accuracy on.
    seed: of initialisation, order and dropout.
    progress: called with (pictures seen, pictures in all).
    Raises `DataError` for fewer than 128 pictures.
    """
    if len(images) < 2 * BATCH:
        raise DataError(
            f"{len(images)} labelled pictures are too few to train a classifier on: {2 * BATCH} or more were expected. "
            "Leave the measuring out."
        )
    chosen = np.linspace(0, len(images) - 1, min(len(images), MOST_PICTURES)).round().astype(np.int64)
    pixels = torch.cat([_shrink(batch.images) for batch in images.subset(chosen).batches(256)])
    targets = torch.from_numpy(values[chosen]).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "judge"))  # the former name: seeds keep giving the same classifier
        network = _build_network(pixels.shape[1], pixels.shape[2:], len(names))
        _train(network, pixels, targets, progress)
    classifier = AttributeClassifier(tuple(names), network.eval(), {})
    others, truth = held_out
    predicted = torch.cat([classifier.probabilities(batch.images) for batch in others.batches(256)]).numpy() > 0.5
    accuracy = dict(zip(classifier.names, (predicted == truth).mean(0).tolist(), strict=True))
    return AttributeClassifier(classifier.names, network, accuracy)


def _shrink(images: Tensor) -> Tensor:
    """uint8 pictures, shrunk so that the longer side is at most `SIDE`."""
    longer = max(images.shape[2:])
    if longer <= SIDE:
        return images
    size = tuple(max(1, round(side * SIDE / longer)) for side in images.shape[2:])
    return interpolate(images.float(), size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)


def _build_network(channels: int, size: Sequence[int], attributes: int) -> nn.Sequential:
    """A network from pictures (N, C, H, W) in [-1, 1] to logits (N, A)."""
    layers: list[nn.Module] = []
    height, width = size
    for before, after in zip((channels, *WIDTHS[:-1]), WIDTHS, strict=True):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        height, width = -(-height // 2), -(-width // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.5), nn.Linear(WIDTHS[-1] * height * width, attributes))


def _train(network: nn.Module, pixels: Tensor, targets: Tensor, progress: Progress | None) -> None:
    steps = IMAGES_SEEN // BATCH
    optimizer = optimizers.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE * 3, total_steps=steps)
    rows = torch.cat([torch.randperm(len(pixels)) for _ in range(-(-IMAGES_SEEN // len(pixels)))])
    for step in range(steps):
        batch = rows[step * BATCH : (step + 1) * BATCH]
        loss = binary_cross_entropy_with_logits(network(to_float(pixels[batch])), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress is not None and step % 10 == 9:
            progress((step + 1) * BATCH, steps * BATCH)
