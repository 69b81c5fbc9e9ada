"""Clusters of similar pictures, which a conditional model takes for classes where pictures have no labels.

Sage et al. 2018, "Logo synthesis and manipulation with clustered generative adversarial networks", arXiv:1712.04407,
section 3: labels from k-means over fixed features let a GAN learn a varied set without annotations.
Departure: the features are small copies of the pictures; no other network is needed. Shape letters: N batch, K
clusters, F features, C H W image.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from imagewright.errors import DataError, count_text
from imagewright.model import Stream

SIDE = 8  # pixels of a small copy: its colours and their places, without details
STARTS = 4  # of k-means
AT_ONCE = 256  # pictures


class PictureClusters(nn.Module):
    """K clusters of pictures by their small copies: k-means, fitted once before the first step.

    count: K.
    size, channels: of the pictures.

    centres: buffer (K, F), zero before `fit`; the largest cluster is the first.
    """

    centres: Tensor

    def __init__(self, count: int, size: tuple[int, int], channels: int) -> None:
        super().__init__()
        self.side = (min(SIDE, size[0]), min(SIDE, size[1]))
        self.register_buffer("centres", torch.zeros(count, channels * self.side[0] * self.side[1]))

    @property
    def is_fitted(self) -> bool:
        """Whether the clusters are found, here or in the run whose weights were taken."""
        return bool(self.centres.any())

    def fit(self, images: Stream, seed: int) -> list[int]:
        """Find the clusters, and return the number of pictures of each.

        images: read once.
        seed: of the first centres.

        Raises `DataError` if there are fewer different pictures than clusters.
        """
        from sklearn.cluster import KMeans  # its import is slow, and most models have no clusters

        points = torch.cat([self._small_copies(batch).cpu() for batch in images.batches(AT_ONCE)])
        count, different = len(self.centres), len(points.unique(dim=0))
        if different < count:
            learned = count_text(different, "different picture")
            raise DataError(
                f"clusters={count}, but there are {learned} to learn from: give fewer clusters or more pictures."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a start that has not converged; the best of all starts is taken
            found = KMeans(count, n_init=STARTS, random_state=seed % 2**32).fit(points.numpy())
        sizes = torch.from_numpy(found.labels_).long().bincount(minlength=count)
        order = sizes.argsort(descending=True, stable=True)
        self.centres.copy_(torch.from_numpy(found.cluster_centers_)[order])
        return [int(size) for size in sizes[order]]

    def assign(self, images: Tensor) -> Tensor:
        """The cluster of each picture (N, C, H, W) in [-1, 1]: the one with the nearest centre, int64 (N,)."""
        return torch.cdist(self._small_copies(images), self.centres.float()).argmin(1)

    def _small_copies(self, images: Tensor) -> Tensor:
        """(N, F), in fp32 at any precision, so that a picture does not change its cluster with it."""
        return adaptive_avg_pool2d(images.float(), self.side).flatten(1)
