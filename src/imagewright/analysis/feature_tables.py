"""The features of a set of pictures: computed once and kept if they fit into memory, else computed in each pass.

Detectors are fitted in several passes, for each fold and each space; features cost more than what is done with them.
In a block of `sharing_work` the ranks share the batches, and all get the features of all pictures, since each then fits
its share of the detectors. Metrics need them on the main rank alone, for any number of pictures: `metrics/features/`
gathers them there, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from imagewright.analysis.spaces import FeatureExtractor
from imagewright.images import Images
from imagewright.progress import ProgressCounter
from imagewright.shared_work import shared_map

BATCH = 512
KEPT_BYTES = 2**28
"""The most memory that the features of one space are kept in: 80,000 pictures of 28x28, 20,000 of 64x64 in colour."""


class FeatureTable:
    """The features of N pictures in one space.

    images: the pictures, at any size.
    space: resizes them and computes their features.
    counter: advanced by N in all, whether features are kept or not.
    """

    rows: Tensor | None  # float32 (N, D), or None if they do not fit into memory

    def __init__(self, images: Images, space: FeatureExtractor, counter: ProgressCounter | None = None) -> None:
        self._images, self._space, self._counter = space.resize(images).prepare(), space, counter
        known = getattr(space, "rows", None)  # of a space whose features are in the files
        if known is not None:
            self.rows = known(images)
            if counter is not None:
                counter.advance(len(images))
            return
        width = space.features(self._images.batch(np.zeros(1, np.int64)).images).shape[1]
        self.rows = None
        if len(images) * width * 4 <= KEPT_BYTES:
            self.rows = torch.empty(len(images), width)
            first = 0
            for features in _computed(self._images, space, counter):
                self.rows[first : first + len(features)] = features
                first += len(features)

    def __len__(self) -> int:
        return len(self._images)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) at which the features are computed."""
        return self._images.size

    def stream(self, indices: np.ndarray | None = None, *, counted: bool = False) -> FeatureStream:
        """The features of some pictures, or of all, in that order.

        counted: whether this is the pass that advances the counter if features are not kept.
        """
        if self.rows is not None:
            return FeatureStream(self.rows if indices is None else self.rows[torch.from_numpy(indices)])
        images = self._images if indices is None else self._images.subset(indices)
        return FeatureStream(images, self._space, self._counter if counted else None)


class FeatureStream:
    """Features as a `Stream`: of a table in memory, or computed from pictures a batch at a time.

    of: features (N, D), or pictures at the size of `space.resize`.
    """

    labels = None

    def __init__(
        self, of: Tensor | Images, space: FeatureExtractor | None = None, counter: ProgressCounter | None = None
    ) -> None:
        self._of, self._space, self._counter = of, space, counter

    def __len__(self) -> int:
        return len(self._of)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        """One pass in order: float32 (n, D)."""
        size = max(batch_size, BATCH) if batch_size > 1 else 1
        if isinstance(self._of, Tensor):
            yield from self._of.split(size)
        else:
            assert self._space is not None
            yield from _computed(self._of, self._space, self._counter, size)


def _computed(
    images: Images, space: FeatureExtractor, counter: ProgressCounter | None, most: int = BATCH
) -> Iterator[Tensor]:
    size = min(most, space.block)
    count = -(-len(images) // size)

    def compute(number: int) -> Tensor:
        return space.features(next(images.batches(size, number, count)).images)

    for features in shared_map(compute, range(count)):
        if counter is not None:
            counter.advance(len(features))
        yield features
