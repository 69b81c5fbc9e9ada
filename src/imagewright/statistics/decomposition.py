"""A fitted linear model as pictures: its mean, its components, and the variance that the first k components explain.

For every model that encodes, and decodes to a mean plus a weighted sum of directions: PCA, ICA, LDA, random projection.
The reconstruction of a picture from k components is its orthogonal projection onto the mean plus the span of the first
k directions.
Shape letters: N images, D = C H W pixel values, K directions, M cumulative shares of variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imagewright.errors import DataError
from imagewright.model import Stream
from imagewright.statistics.spectra import STREAMED_IMAGES

ELBOW_AMONG = 50  # components among which the elbow is looked for
DEPENDENT = 1e-5  # a direction counts as dependent if less than this share of its length is outside the earlier span


@dataclass(frozen=True)
class Decomposition:
    """A linear model's mean and directions, and the variance that they explain.

    M is K, or more if more shares are known than directions.
    """

    mean: Tensor  # (C, H, W) in [-1, 1]
    directions: Tensor  # (K, C, H, W): the change of the picture for one unit of each latent
    axes: Tensor  # (K, D), orthonormal: the first k span the same space as the first k directions
    cumulative_shares: Tensor  # (M,), float64: the share of the variance that the first 1, 2 ... M components explain

    def rebuild(self, picture: Tensor, counts: list[int]) -> Tensor:
        """A picture (C, H, W) rebuilt from the mean and the first k components for each k: (len(counts), C, H, W)."""
        coordinates = self.axes @ (picture - self.mean).flatten()
        sums = [coordinates[:count] @ self.axes[:count] for count in counts]
        return self.mean + torch.stack(sums).unflatten(1, self.mean.shape)

    @property
    def component_shares(self) -> Tensor:
        """The share of the variance that each component adds to the earlier ones, (M,)."""
        return self.cumulative_shares.diff(prepend=self.cumulative_shares.new_zeros(1))

    def components_for(self, share: float) -> int | None:
        """The number of components that explain `share` of the variance; None if the known ones do not reach it."""
        reached = self.cumulative_shares >= share - 1e-9
        return int(reached.int().argmax()) + 1 if bool(reached.any()) else None


def decompose(
    model: Any, images: Stream, cumulative_shares: Tensor | None = None, first: int | None = None
) -> Decomposition:
    """Decompose a fitted linear model.

    model: with `latent_shape` (K,) and a `decode` that is affine.
    images: the pictures whose variance is measured, in one pass, unless `cumulative_shares` are given.
    cumulative_shares: (M,), if they are known.
    first: number of directions; None takes all.
    """
    latents = torch.eye(model.latent_shape[0])[:first]
    pictures = model.decode(torch.cat([torch.zeros_like(latents[:1]), latents]))
    mean, directions = pictures[0], pictures[1:] - pictures[0]
    axes = _orthonormalise(directions.flatten(1))
    if cumulative_shares is None:
        cumulative_shares = measure_shares(mean, axes, images)
    return Decomposition(mean, directions, axes, cumulative_shares)


def measure_shares(mean: Tensor, axes: Tensor, images: Stream) -> Tensor:
    """The share of the squared distance from the mean along the first 1, 2 ... K axes, (K,), in one pass.

    mean: (C, H, W).
    axes: orthonormal, (K, D).

    Raises `DataError` if all pictures are equal.
    """
    along, total = torch.zeros(len(axes), dtype=torch.float64), 0.0
    for batch in images.batches(STREAMED_IMAGES):
        rows = (batch - mean).flatten(1)
        along += (rows @ axes.T).square().sum(0, dtype=torch.float64)
        total += float(rows.square().sum(dtype=torch.float64))
    if not total > 0:
        raise DataError("All pictures are equal: there is no direction in which they vary.")
    return (along.cumsum(0) / total).clamp(max=1)


def compute_all_shares(mean: Tensor, images: Stream) -> Tensor:
    """The cumulative shares of all min(N - 1, D) principal components, in one pass.

    Eigenvalues of the N x N Gram matrix if there are at most as many pictures as pixel values, for which all pictures
    are held (N x D floats); else of the D x D scatter matrix.
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


def find_elbow(component_shares: Tensor) -> int:
    """The number of components before the elbow of their variances, given in descending order, (M,).

    The elbow is the point at which the curve of the first `ELBOW_AMONG` lies farthest below the straight line between
    its ends, both axes scaled to [0, 1] (as in Satopaa et al. 2011, "Finding a kneedle in a haystack").
    """
    curve = component_shares[:ELBOW_AMONG].double()
    height = curve[0] - curve[-1]
    if not height > 0:
        return len(curve)
    below = 1 - torch.linspace(0, 1, len(curve), dtype=torch.float64) - (curve - curve[-1]) / height
    return max(1, int(below.argmax()))


def _orthonormalise(directions: Tensor) -> Tensor:
    """Orthonormal rows (K, D) with the same nested spans; a row of zeros for each dependent direction."""
    axes, triangle = torch.linalg.qr(directions.T)
    independent = triangle.diagonal().abs() > DEPENDENT * directions.norm(dim=1)
    return axes.T * (independent * triangle.diagonal().sign())[:, None]
