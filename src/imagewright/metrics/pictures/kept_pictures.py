"""Pictures made once and read often: those of a model are computed anew each time they are asked for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagewright.metrics.features.extraction import room
from imagewright.metrics.metric import Pictures
from imagewright.verbs.blocks import LARGEST_BLOCK

AT_ONCE = 16 * LARGEST_BLOCK


class KeptPictures:
    """Some rows of other pictures, by the same numbers. `shape`: (C, H, W) of one."""

    def __init__(self, pictures: Pictures, rows: np.ndarray) -> None:
        """Reads the rows int64 (n,), in rising order and each once."""
        self.rows = rows
        self._count = len(pictures)
        for start in range(0, len(rows), AT_ONCE):
            made = pictures.pictures(rows[start : start + AT_ONCE]).numpy()
            if start == 0:
                self.shape: tuple[int, ...] = made.shape[1:]
                self._store = room((len(rows), *self.shape), np.uint8)
            self._store[start : start + len(made)] = made

    def __len__(self) -> int:
        return self._count

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of rows that were kept, int64 (n,)."""
        return torch.from_numpy(self._store[np.searchsorted(self.rows, rows)])
