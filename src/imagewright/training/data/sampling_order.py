"""The order in which training reads the images, as a function from a position in an endless stream to an image.

The order depends on position and seed alone. A resumed run therefore continues it without stored state, and each rank
computes its own part of a batch.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from imagewright.seeds import derive_seed

BLOCK = 256  # neighbouring images of a source
BLOCKS_MIXED = 32  # whose images are shuffled together


class Order(Protocol):
    """A function from positions in a stream to images."""

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """The index of the image at each position: int64 (N,) to int64 (N,)."""
        ...


class ShuffledOrder:
    """Every image once in a round, in a new random order each round.

    length: the number of images.
    seed: of the random orders.
    """

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
    """Every image once in a round, in an order in which the source can be read in large pieces.

    For images that are decoded from their files during training. Blocks of 256 neighbouring images are put into a
    random order, and the images of 32 blocks at a time (a window) are shuffled together. A batch then mixes images from
    the whole source, while the disk reads 32 sequential streams instead of seeking for each image. Memory: 8 bytes a
    block, and one window.

    length: the number of images.
    seed: of the random orders.
    mixed: blocks in a window.
    """

    def __init__(self, length: int, seed: int, mixed: int = BLOCKS_MIXED) -> None:
        self.length, self.seed, self.mixed = length, seed, mixed
        self.blocks = -(-length // BLOCK)
        self._key = (-1, -1)
        self._window = np.empty(0, dtype=np.int64)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        images = np.empty_like(positions)
        span = BLOCK * self.mixed
        keys = np.stack([positions // self.length, positions % self.length // span], axis=1)
        for number, window in np.unique(keys, axis=0):
            chosen = (keys == (number, window)).all(axis=1)
            images[chosen] = self._mixed(int(number), int(window))[positions[chosen] % self.length % span]
        return images

    def _mixed(self, number: int, window: int) -> np.ndarray:
        """The shuffled images of one window. A smaller block is in the last window, so that all others are full."""
        if (number, window) != self._key:
            whole = self.length // BLOCK
            blocks = np.random.default_rng(derive_seed(self.seed, "blocks", number)).permutation(whole)
            mine = blocks[window * self.mixed : (window + 1) * self.mixed]
            images = (mine[:, None] * BLOCK + np.arange(BLOCK)).reshape(-1)
            if (window + 1) * self.mixed >= self.blocks:
                images = np.concatenate([images, np.arange(whole * BLOCK, self.length)])
            generator = np.random.default_rng(derive_seed(self.seed, "window", number, window))
            self._key, self._window = (number, window), generator.permutation(images)
        return self._window


def build_order(length: int, seed: int, *, nearby: bool) -> Order:
    """Build the order of `length` images.

    length: the number of images.
    seed: of the random order.
    nearby: whether images are decoded from their files during training, so that neighbours should be read together.
    """
    return NearbyOrder(length, seed) if nearby else ShuffledOrder(length, seed)
