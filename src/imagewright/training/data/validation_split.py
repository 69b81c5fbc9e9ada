"""The validation split: images that training never shows, so that the doctor can measure overfitting and memorisation.

The set itself stays whole, with one fingerprint, cache and labels. The held-out images are left out of the order in
which training sees them.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from imagewright.images import Images
from imagewright.seeds import derive_seed
from imagewright.training.data.sampling_order import Order
from imagewright.training.options import TrainingOptions

# A fiftieth has no visible cost. Sets of fewer than 400 images lose none: memorisation is measured without a split.
SHARE = 50
SMALLEST_SET = 400
FEWEST, MOST = 16, 256


def settle_held_out(options: TrainingOptions, images: Images, *, has_steps: bool) -> TrainingOptions:
    """The options with the number of held-out images decided; never more than half of the set."""
    if not has_steps:
        return dataclasses.replace(options, held_out=0)
    wanted = default_count(len(images)) if options.held_out is None else options.held_out
    return dataclasses.replace(options, held_out=min(wanted, len(images) // 2))


def default_count(count: int) -> int:
    """How many of `count` images are held out by default."""
    return 0 if count < SMALLEST_SET else min(MOST, max(FEWEST, count // SHARE))


def choose_held_out(held_out: int | None, count: int, seed: int) -> np.ndarray:
    """Indices of the held-out images among `count`: int64, ascending. They depend on the run's seed alone."""
    generator = np.random.default_rng(derive_seed(seed, "held out"))
    return np.sort(generator.choice(count, held_out or 0, replace=False)).astype(np.int64)


class LeavingOut:
    """An order over the images that are not held out, from an order over the numbers 0 to their count - 1."""

    def __init__(self, order: Order, held_out: np.ndarray) -> None:
        self.order = order
        # For each held-out index, the number of training images before it. `searchsorted` over these maps a number
        # among the training images to an index in the set.
        self._shown_before = held_out - np.arange(len(held_out))

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        shown = self.order(positions)
        return shown + np.searchsorted(self._shown_before, shown, side="right")
