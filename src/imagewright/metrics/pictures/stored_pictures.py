"""Pictures computed once and read repeatedly: samples of a model would be computed anew on each call."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagewright.metrics.features.mapped_arrays import allocate_array
from imagewright.metrics.metric import Pictures
from imagewright.verbs.blocks import LARGEST_BLOCK

AT_ONCE = 16 * LARGEST_BLOCK


class StoredPictures:
    """Some rows of other pictures, stored under the same row numbers.

    pictures: read once.
    rows: int64 (n,), ascending and distinct.

    `shape` is (C, H, W) of a picture.
    """

    def __init__(self, pictures: Pictures, rows: np.ndarray) -> None:
        self.rows = rows
        self._count = len(pictures)
        for start in range(0, len(rows), AT_ONCE):
            block = pictures.pictures(rows[start : start + AT_ONCE]).numpy()
            if start == 0:
                self.shape: tuple[int, ...] = block.shape[1:]
                self._store = allocate_array((len(rows), *self.shape), np.uint8)
            self._store[start : start + len(block)] = block

    def __len__(self) -> int:
        return self._count

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of stored rows int64 (n,)."""
        return torch.from_numpy(self._store[np.searchsorted(self.rows, rows)])
