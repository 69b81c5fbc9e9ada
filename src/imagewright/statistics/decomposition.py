"""What a linear model has learned, as pictures: the mean, what one unit of each latent adds, what k of them explain.

For any model that encodes, and decodes to a mean plus a weighted sum: PCA, ICA, LDA, a random projection.
"k components rebuild a picture" means: the nearest picture among all that are the mean plus a sum of the first k.
Shape letters: N images, D = C H W pixels, K directions, M shares of variance that are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imagewright.errors import DataError
from imagewright.model import Stream
from imagewright.statistics.spectra import STREAMED_IMAGES

ELBOW_AMONG = 50
DEPENDENT = 1e-5  # a direction that adds less than this share of itself to the ones before it adds rounding only


@dataclass(frozen=True)
class Decomposition:
    """`mean` (C, H, W) in [-1, 1]; `directions` (K, C, H, W), what one unit of each latent adds to it; `axes` (K, D),
    orthonormal, the first k spanning what the first k directions do; `shares` (M,), float64, the share of all
    variance that the first 1, 2 ... M components explain: M is K, or more where more are known."""

    mean: Tensor
    directions: Tensor
    axes: Tensor
    shares: Tensor

    def rebuilt(self, picture: Tensor, counts: list[int]) -> Tensor:
        """A picture (C, H, W) from the mean and its first k components, for each k: (len(counts), C, H, W)."""
        coordinates = self.axes @ (picture - self.mean).flatten()
        sums = [coordinates[:count] @ self.axes[:count] for count in counts]
        return self.mean + torch.stack(sums).unflatten(1, self.mean.shape)

    @property
    def gains(self) -> Tensor:
        """The share of variance that each component adds to those before it, (M,)."""
        return self.shares.diff(prepend=self.shares.new_zeros(1))

    def components_for(self, share: float) -> int | None:
        """How many components explain that share of the variance, or None where those that are known do not."""
        reached = self.shares >= share - 1e-9
        return int(reached.int().argmax()) + 1 if bool(reached.any()) else None


def decomposed(model: Any, images: Stream, shares: Tensor | None = None, first: int | None = None) -> Decomposition:
    """Take a fitted model apart, with all its directions or the `first`.

    `shares` are measured, in one pass over the images, unless they are given.
    """
    latents = torch.eye(model.latent_shape[0])[:first]
    pictures = model.decode(torch.cat([torch.zeros_like(latents[:1]), latents]))
    mean, directions = pictures[0], pictures[1:] - pictures[0]
    axes = _orthonormal(directions.flatten(1))
    return Decomposition(mean, directions, axes, measured_shares(mean, axes, images) if shares is None else shares)


def measured_shares(mean: Tensor, axes: Tensor, images: Stream) -> Tensor:
    """The share of the squared distance from the mean that lies along the first 1, 2 ... K axes, (K,), in one pass."""
    along, all_of_it = torch.zeros(len(axes), dtype=torch.float64), 0.0
    for batch in images.batches(STREAMED_IMAGES):
        rows = (batch - mean).flatten(1)
        along += (rows @ axes.T).square().sum(0, dtype=torch.float64)
        all_of_it += float(rows.square().sum(dtype=torch.float64))
    if not all_of_it > 0:
        raise DataError("All pictures are equal: there is no direction in which they vary.")
    return (along.cumsum(0) / all_of_it).clamp(max=1)


def all_shares(mean: Tensor, images: Stream) -> Tensor:
    """The shares that the first 1, 2 ... principal components explain, as many as there are, in one pass.

    From the products of all pictures, where they are fewer than pixel values, and all of them are then held, N x D
    floats; else from those of all pixel values, D x D.
    """
    count, pixels = len(images), mean.numel()
    held = torch.empty(count if count <= pixels else 0, pixels)
    products, first = torch.zeros(pixels if count > pixels else 0, pixels), 0
    for batch in images.batches(STREAMED_IMAGES):
        rows = (batch - mean).flatten(1)
        if count > pixels:
            products.addmm_(rows.T, rows)
        else:
            held[first : first + len(rows)] = rows
        first += len(rows)
    squares = products if count > pixels else held @ held.T
    variances = torch.linalg.eigvalsh(squares.double()).flip(0)[: min(count - 1, pixels)].clamp(min=0)
    return variances.cumsum(0) / variances.sum()


def elbow_of(gains: Tensor) -> int:
    """The number of components before the bend of the curve of their variances, which are given in falling order.

    The bend is where the curve of the first `ELBOW_AMONG` lies farthest below the straight line between its ends, both
    axes scaled to [0, 1] (as in Satopaa et al. 2011, "Finding a kneedle in a haystack").
    """
    curve = gains[:ELBOW_AMONG].double()
    height = curve[0] - curve[-1]
    if not height > 0:
        return len(curve)
    below = 1 - torch.linspace(0, 1, len(curve), dtype=torch.float64) - (curve - curve[-1]) / height
    return max(1, int(below.argmax()))


def _orthonormal(directions: Tensor) -> Tensor:
    """Orthonormal rows (K, D) that span the same spaces in the same order; zero for a direction that adds none."""
    axes, triangle = torch.linalg.qr(directions.T)
    adds = triangle.diagonal().abs() > DEPENDENT * directions.norm(dim=1)
    return axes.T * (adds * triangle.diagonal().sign())[:, None]
