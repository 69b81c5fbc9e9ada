"""A judge of attributes that has no part in the model it judges: a small convolutional network over real pictures.

It sees pixels and never latents, so that what moving a latent does can be measured by eyes other than the model's own.
One sigmoid an attribute, trained by binary cross-entropy on real pictures alone.
Shape letters: N pictures, A attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed

SIDE = 32  # pixels of the longer side that it looks at: it tells a smile no better from twice as many
WIDTHS = (24, 48, 96)
IMAGES_SEEN = 60_000  # under a minute on one core
HELD = 20_000  # pictures in memory, at most
BATCH = 64
RATE = 1e-3


@dataclass(frozen=True)
class Judge:
    """A trained network, the names of what it judges, and how often it is right on pictures that it has not seen."""

    names: tuple[str, ...]
    network: nn.Module
    accuracy: dict[str, float]

    def probabilities(self, images: Tensor) -> Tensor:
        """(N, A) from 0 to 1, of uint8 pictures (N, C, H, W) of any size."""
        with torch.inference_mode():
            return torch.cat([self.network(_seen(part)).sigmoid() for part in images.split(256)])


def train_judge(
    images: Images,
    names: Sequence[str],
    values: np.ndarray,
    held_out: tuple[Images, np.ndarray],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Judge:
    """A judge trained on `images` with `values`, bool (N, A), and tested on other pictures with theirs.

    Equal seeds give equal judges. Raises `DataError` where there are too few pictures to learn from.
    """
    if len(images) < 2 * BATCH:
        raise DataError(
            f"{len(images)} labelled pictures are too few to train a judge on: {2 * BATCH} or more were expected. "
            "Leave the measuring out."
        )
    chosen = np.linspace(0, len(images) - 1, min(len(images), HELD)).round().astype(np.int64)
    pixels = torch.cat([_small(batch.images) for batch in images.subset(chosen).batches(256)])
    targets = torch.from_numpy(values[chosen]).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "judge"))
        network = _network(pixels.shape[1], pixels.shape[2:], len(names))
        _train(network, pixels, targets, progress)
    judge = Judge(tuple(names), network.eval(), {})
    others, truth = held_out
    said = torch.cat([judge.probabilities(batch.images) for batch in others.batches(256)]).numpy() > 0.5
    return Judge(judge.names, network, dict(zip(judge.names, (said == truth).mean(0).tolist(), strict=True)))


def _small(images: Tensor) -> Tensor:
    """uint8, shrunk so that the longer side is `SIDE` at most."""
    longer = max(images.shape[2:])
    if longer <= SIDE:
        return images
    size = tuple(max(1, round(side * SIDE / longer)) for side in images.shape[2:])
    return interpolate(images.float(), size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)


def _seen(images: Tensor) -> Tensor:
    return to_float(_small(images))


def _network(channels: int, size: Sequence[int], attributes: int) -> nn.Sequential:
    """(N, C, H, W) in [-1, 1] to logits (N, A)."""
    layers: list[nn.Module] = []
    height, width = size
    for before, after in zip((channels, *WIDTHS[:-1]), WIDTHS, strict=True):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        height, width = -(-height // 2), -(-width // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.5), nn.Linear(WIDTHS[-1] * height * width, attributes))


def _train(network: nn.Module, pixels: Tensor, targets: Tensor, progress: Callable[[int, int], None] | None) -> None:
    steps = IMAGES_SEEN // BATCH
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE * 3, total_steps=steps)
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
