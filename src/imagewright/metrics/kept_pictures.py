"""Pictures made once and read often: those of a model are computed anew each time they are asked for."""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from torch import Tensor

from imagewright.images.cache import cache_folder
from imagewright.metrics.metric import Pictures
from imagewright.verbs.blocks import BLOCK

AT_ONCE = 16 * BLOCK
IN_MEMORY = 2**28  # bytes; more go to a nameless file beside the cache, which the system maps into memory


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
                self._store = _room((len(rows), *self.shape))
            self._store[start : start + len(made)] = made

    def __len__(self) -> int:
        return self._count

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of rows that were kept, int64 (n,)."""
        return torch.from_numpy(self._store[np.searchsorted(self.rows, rows)])


def _room(shape: tuple[int, ...]) -> np.ndarray:
    if np.prod(shape, dtype=np.int64) <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    folder = cache_folder(None)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)
