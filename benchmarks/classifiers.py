"""The independent classifier that scores samples in the quality scripts: a small network trained on real pictures."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from harness import SHARED_DATA
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import imagewright as iw

TEST_PICTURES = 10_000


def open_split(name: str, size: int = 32) -> tuple[iw.Images, iw.Images]:
    """A shared set of labelled pictures, as training and test part: the test is the first 10,000 of one fixed order."""
    everything = iw.open_images(SHARED_DATA / name, size=size)
    order = np.random.default_rng(0).permutation(len(everything))
    return everything.subset(order[TEST_PICTURES:]), everything.subset(order[:TEST_PICTURES])


def build_network(classes: int = 10, channels: int = 1, size: int = 32) -> nn.Sequential:
    """(N, C, size, size) in [-1, 1] to logits (N, classes)."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(64, 128, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(2 * size * size, 128), nn.ReLU(), nn.Linear(128, classes),
    )  # fmt: skip


def train_classifier(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    path: Path,
    *,
    epochs: int,
    is_enough: Callable[[nn.Module], bool] | None = None,
) -> nn.Module:
    """Train the network, or read it from `path`, where the first call writes it.

    images: uint8 (N, C, H, W)
    labels: int64 (N,)
    epochs: at most
    is_enough: asked after each epoch; training ends once it is true
    """
    if path.exists():
        network.load_state_dict(load_file(path))
        return network.eval()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(128):
            loss = cross_entropy(network(images[rows] / 127.5 - 1), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if is_enough is not None and is_enough(network):
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), path)
    return network.eval()


def probabilities(network: nn.Module, images: Tensor) -> Tensor:
    """(N, K) class probabilities of uint8 images."""
    with torch.inference_mode():
        return torch.cat([network(part / 127.5 - 1).softmax(1) for part in images.split(512)])


def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of uint8 images (N, C, H, W) that the network puts in their class."""
    return float((probabilities(network, images).argmax(1) == labels).float().mean())


def open_people(size: int = 64) -> tuple[iw.Images, iw.Images]:
    """The CelebA pictures, as training and test part: no person is in both. One person in ten is in the test."""
    folder = SHARED_DATA / "celeba_89x109"
    images = iw.open_images(folder, size=size)
    with (folder / "attributes.csv").open(newline="") as table:
        identities = {Path(row["image"]).name: int(row["identity"]) for row in csv.DictReader(table)}
    held_out = np.array([identities[Path(images.name(index)).name] % 10 == 0 for index in range(len(images))])
    return images.subset(np.flatnonzero(~held_out)), images.subset(np.flatnonzero(held_out))
