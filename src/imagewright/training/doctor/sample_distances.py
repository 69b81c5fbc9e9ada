"""How like one another, and how like training pictures, pictures are: distances between small copies of them.

At 16 pixels a side what makes a picture this one and no other is still there, what a blurry model cannot draw is gone
already, and a set of thousands is compared in milliseconds. Shape letters: N pictures, R references, D = C * 16 * 16.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

SIDE = 16
COMPARED = 64  # pictures whose distances to one another are compared with those of as many others

# A sample is a copy where it is this much nearer to a training picture than that one is to any other. Below 1/2, by the
# triangle inequality, every other picture is farther from the sample. Independent pictures of a set have a ratio around
# 1, the mean of a blurred neighbourhood 0.7 (it is 1 / sqrt 2 as far as two of it are from one another); of the samples
# of healthy runs not one in a hundred was watched below 0.7.
COPY = 0.5


def small(images: Tensor) -> Tensor:
    """uint8 (N, C, H, W) to (N, D) in grey levels."""
    return adaptive_avg_pool2d(images.float(), SIDE).flatten(1)


def spread(pictures: Tensor) -> float:
    """Mean distance between two of the pictures (N, D), in grey levels a value (root mean square)."""
    return float(torch.pdist(pictures).mean()) / pictures.shape[1] ** 0.5


def nearest(pictures: Tensor) -> float:
    """Median distance from one of the pictures (N, D) to the nearest other, in grey levels a value."""
    distances = torch.cdist(pictures, pictures).fill_diagonal_(torch.inf)
    return float(distances.min(1).values.median()) / pictures.shape[1] ** 0.5


class References:
    """Small copies of training pictures, and what is usual among them.

    `mirrored`: training also shows them mirrored, so that a copy may be of the mirror image.
    """

    def __init__(self, pictures: Tensor, *, mirrored: bool) -> None:
        self.pictures, self.mirrored = pictures, mirrored
        whole = pictures.split(COMPARED)[: max(1, len(pictures) // COMPARED)]
        self.spread = sum(map(spread, whole)) / len(whole)
        self.nearest = sum(map(nearest, whole)) / len(whole)
        self._two_nearest()

    def _two_nearest(self) -> None:
        """The nearest other reference of each, and how far it and the second one are."""
        parts = []
        for start in range(0, len(self.pictures), 1024):
            distances = self._distances(self.pictures[start : start + 1024])
            rows = torch.arange(len(distances))
            distances[rows, rows + start] = torch.inf  # also of its own mirror image, which training shows as itself
            parts.append(distances.topk(2, largest=False))
        self.distances = torch.cat([part.values for part in parts])
        self.indices = torch.cat([part.indices for part in parts])

    def _distances(self, pictures: Tensor) -> Tensor:
        """(N, R), in the unit of the pictures."""
        distances = torch.cdist(pictures, self.pictures)
        if self.mirrored:
            flipped = pictures.unflatten(1, (-1, SIDE, SIDE)).flip(-1).flatten(1)
            distances = distances.minimum(torch.cdist(flipped, self.pictures))
        return distances

    def copies(self, pictures: Tensor) -> float:
        """The share of pictures (N, D) that are copies of a reference."""
        distance, index = self._distances(pictures).min(1)
        return float((distance < COPY * self.distances[index, 0]).float().mean())

    def usual_copies(self) -> float:
        """That share for the references themselves, each among all others: near-duplicates of the set."""
        there = self.indices[:, 0]
        # The nearest of "there" but for the picture itself: its second nearest, where the picture is its nearest.
        itself = self.indices[there, 0] == torch.arange(len(there))
        alone = torch.where(itself, self.distances[there, 1], self.distances[there, 0])
        return float((self.distances[:, 0] < COPY * alone).float().mean())
