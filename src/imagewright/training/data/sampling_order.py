"""The order in which training sees the images: position p of an endless stream is an image.

The order depends on position and seed alone, so that a resumed run continues it, and ranks read parts of one batch.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from imagewright.seeds import derive_seed

BLOCK = 256
BLOCKS_MIXED = 32


class Order(Protocol):
    """The image at each position of a stream."""

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """The image at each position, both int64."""
        ...


class ShuffledOrder:
    """Every image once in a round, in a new random order each round."""

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed = length, seed
        self._round, self._order = -1, np.empty(0, dtype=np.int64)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        rounds = positions // self.length
        images = np.empty_like(positions)
        for number in np.unique(rounds):
            chosen = rounds == number
            images[chosen] = self._permutation(int(number))[positions[chosen] % self.length]
        return images

    def _permutation(self, number: int) -> np.ndarray:
        if number != self._round:
            generator = np.random.default_rng(derive_seed(self.seed, "order", number))
            self._round, self._order = number, generator.permutation(self.length)
        return self._order


class NearbyOrder:
    """Every image once in a round, with neighbours in the stream near one another in the source.

    For images that are decoded from their files during training. Blocks of 256 images are put into a random order, and
    the images of 32 blocks at a time are shuffled together. A batch then mixes images from the whole source, while the
    disk reads 32 sequential streams instead of one place an image. Memory: 8 bytes a block, and one window.
    """

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed = length, seed
        self.blocks = -(-length // BLOCK)
        self._key = (-1, -1)
        self._window = np.empty(0, dtype=np.int64)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        images = np.empty_like(positions)
        span = BLOCK * BLOCKS_MIXED
        keys = np.stack([positions // self.length, positions % self.length // span], axis=1)
        for number, window in np.unique(keys, axis=0):
            chosen = (keys == (number, window)).all(axis=1)
            images[chosen] = self._mixed(int(number), int(window))[positions[chosen] % self.length % span]
        return images

    def _mixed(self, number: int, window: int) -> np.ndarray:
        """The images of one window. A last block of fewer images comes last, so that windows align."""
        if (number, window) != self._key:
            whole = self.length // BLOCK
            blocks = np.random.default_rng(derive_seed(self.seed, "blocks", number)).permutation(whole)
            mine = blocks[window * BLOCKS_MIXED : (window + 1) * BLOCKS_MIXED]
            images = (mine[:, None] * BLOCK + np.arange(BLOCK)).reshape(-1)
            if (window + 1) * BLOCKS_MIXED >= self.blocks:
                images = np.concatenate([images, np.arange(whole * BLOCK, self.length)])
            generator = np.random.default_rng(derive_seed(self.seed, "window", number, window))
            self._key, self._window = (number, window), generator.permutation(images)
        return self._window


def build_order(length: int, seed: int, *, nearby: bool) -> Order:
    """The order for `length` images. `nearby`: for images that are read from their files during training."""
    return NearbyOrder(length, seed) if nearby else ShuffledOrder(length, seed)
