"""Distances among pictures, and from pictures to training pictures, measured between small copies of them.

At 16 pixels a side the pictures of a set still differ from each other, details that a blurry model cannot generate are
gone, and thousands of pictures are compared in milliseconds. Shape letters: N pictures, R references, D = C * 16 *
16.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

SIDE = 16  # pixels
# Distances among pictures depend on their number. Those among references are therefore means over groups of as many
# references as there are samples.
GROUP = 64

# A picture is a copy of a training picture if its distance to it, divided by the distance of the training picture to
# its nearest other, is below this ratio. Below 1/2, by the triangle inequality, every other training picture is farther
# from the picture than this one. Independent pictures of a set have a ratio around 1. The mean of a neighbourhood has
# 1 / sqrt 2 = 0.7, since it is that much nearer to a member than two members are to each other. In healthy runs fewer
# than one sample in a hundred was observed below 0.7.
COPY = 0.5


def shrink(images: Tensor) -> Tensor:
    """Small copies of images: uint8 (N, C, H, W) to float32 (N, D), in grey levels."""
    return adaptive_avg_pool2d(images.float(), SIDE).flatten(1)


def mean_distance(pictures: Tensor) -> float:
    """The mean distance (root mean square, in grey levels) between two of the pictures (N, D)."""
    return float(torch.pdist(pictures).mean()) / pictures.shape[1] ** 0.5


def nearest_distance(pictures: Tensor) -> float:
    """The median over pictures (N, D) of the distance (root mean square, in grey levels) to the nearest other."""
    distances = torch.cdist(pictures, pictures).fill_diagonal_(torch.inf)
    return float(distances.min(1).values.median()) / pictures.shape[1] ** 0.5


class References:
    """Small copies of training pictures, and the distances among them.

    pictures: (R, D), of `shrink`, without repeats.
    mirrored: whether training mirrors pictures, so that a sample may also be a copy of a mirror image.

    mean_distance: among references, a mean over groups of 64.
    nearest_distance: likewise.
    two_nearest: (R, 2) Euclidean distances of each reference to its nearest and second nearest other.
    neighbours: (R, 2) indices of these.
    """

    def __init__(self, pictures: Tensor, *, mirrored: bool) -> None:
        # A picture that is held several times counts once: the distance to its own double would say nothing.
        pictures = _without_repeats(pictures)
        self.pictures, self.mirrored = pictures, mirrored
        groups = pictures.split(GROUP)[: max(1, len(pictures) // GROUP)]
        self.mean_distance = sum(map(mean_distance, groups)) / len(groups)
        self.nearest_distance = sum(map(nearest_distance, groups)) / len(groups)
        parts = []
        for start in range(0, len(pictures), 1024):
            distances = self._distances(pictures[start : start + 1024])
            rows = torch.arange(len(distances))
            distances[rows, rows + start] = torch.inf  # the reference itself, and its own mirror image
            parts.append(distances.topk(min(2, len(pictures)), largest=False))
        self.two_nearest = torch.cat([part.values for part in parts])
        self.neighbours = torch.cat([part.indices for part in parts])

    def _distances(self, pictures: Tensor) -> Tensor:
        """Euclidean distances (N, R) from pictures (N, D); to the nearer of a reference and its mirror image."""
        distances = torch.cdist(pictures, self.pictures)
        if self.mirrored:
            flipped = pictures.unflatten(1, (-1, SIDE, SIDE)).flip(-1).flatten(1)
            distances = distances.minimum(torch.cdist(flipped, self.pictures))
        return distances

    def copy_share(self, pictures: Tensor) -> float:
        """The share of pictures (N, D) that are copies of a reference."""
        distance, index = self._distances(pictures).min(1)
        return float((distance < COPY * self.two_nearest[index, 0]).float().mean())

    def duplicate_share(self) -> float:
        """The share of references that are copies of another reference: near-duplicates in the training set."""
        nearest = self.neighbours[:, 0]
        # The distance of `nearest` to its nearest other, without the reference that is tested.
        is_mutual = self.neighbours[nearest, 0] == torch.arange(len(nearest))
        other = torch.where(is_mutual, self.two_nearest[nearest, 1], self.two_nearest[nearest, 0])
        return float((self.two_nearest[:, 0] < COPY * other).float().mean())


def roughness(images: Tensor) -> float:
    """The median over uint8 images (N, C, H, W) of half the mean squared difference of neighbours over the variance.

    1 for white noise, near 0 for smooth pictures. An image of less than a grey level of contrast counts as one of it.
    """
    pixels = images.float()
    found = [pixels.diff(dim=axis).square().flatten(1).mean(1) for axis in (2, 3) if pixels.shape[axis] > 1]
    if not found:
        return 0.0
    variance = pixels.flatten(1).var(1).clamp(min=1)
    return float((sum(found) / len(found) / 2 / variance).median())


def _without_repeats(pictures: Tensor) -> Tensor:
    """The different rows of pictures (N, D), in their order."""
    seen: set[bytes] = set()
    rows = []
    for row, picture in enumerate(pictures.numpy()):
        content = picture.tobytes()
        if content not in seen:
            rows.append(row)
            seen.add(content)
    return pictures if len(rows) == len(pictures) else pictures[rows]
