"""Pictures that training never shows a model, so that the doctor can tell what was learned from what was remembered.

The set stays whole: its fingerprint, its cache and its labels are those of all pictures. What is kept aside is left out
of the order in which training sees them.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from imagewright.images import Images
from imagewright.seeds import derive_seed
from imagewright.training.data.sampling_order import Order
from imagewright.training.options import TrainingOptions

# A fiftieth costs a model nothing that shows. Below 400 pictures each one counts, and memorisation is told without any.
SHARE = 50
SMALLEST_SET = 400
FEWEST, MOST = 16, 256


def settled(options: TrainingOptions, images: Images, *, has_steps: bool) -> TrainingOptions:
    """The options with the number of pictures to keep aside decided; never more than half of the set."""
    if not has_steps:
        return dataclasses.replace(options, held_out=0)
    wanted = automatic(len(images)) if options.held_out is None else options.held_out
    return dataclasses.replace(options, held_out=min(wanted, len(images) // 2))


def automatic(count: int) -> int:
    """How many of `count` pictures are kept aside where the user says nothing."""
    return 0 if count < SMALLEST_SET else min(MOST, max(FEWEST, count // SHARE))


def choose(held_out: int | None, count: int, seed: int) -> np.ndarray:
    """Which of `count` pictures are kept aside: int64, ascending; decided by the run's seed alone."""
    generator = np.random.default_rng(derive_seed(seed, "held out"))
    return np.sort(generator.choice(count, held_out or 0, replace=False)).astype(np.int64)


class LeavingOut:
    """An order over the pictures that are not kept aside. `order` counts those alone."""

    def __init__(self, order: Order, held_out: np.ndarray) -> None:
        self.order = order
        # How many shown pictures come before each one kept aside: as many of these are to be skipped on the way.
        self._shown_before = held_out - np.arange(len(held_out))

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        shown = self.order(positions)
        return shown + np.searchsorted(self._shown_before, shown, side="right")
