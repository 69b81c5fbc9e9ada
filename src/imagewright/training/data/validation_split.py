"""The validation split: images that training never uses, by which the doctor measures overfitting and memorisation.

The set of images is not split itself; it has one fingerprint, one cache and one table of labels. Held-out images are
left out of the order in which training reads the set.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from imagewright.errors import count_text
from imagewright.images import Images
from imagewright.seeds import derive_seed
from imagewright.training.data.sampling_order import Order
from imagewright.training.options import TrainingOptions
from imagewright.training.reporting import Say

# By default 1 / FRACTION of the images is held out, which changes results little. Small sets keep all their images;
# memorisation is measured without a split.
FRACTION = 50
SMALLEST_SET = 400
FEWEST, MOST = 16, 256


def settle_held_out(options: TrainingOptions, images: Images, say: Say, *, has_steps: bool) -> TrainingOptions:
    """The options with the number of held-out images decided.

    options: with the number that the user gave, or None.
    images: the first source; at most half of it is held out.
    say: called with a sentence if the user's number is more than half.
    has_steps: whether the model is trained by steps; a closed-form fit holds nothing out.
    """
    if not has_steps:
        return dataclasses.replace(options, held_out=0)
    wanted, most = default_count(len(images)) if options.held_out is None else options.held_out, len(images) // 2
    if wanted > most:
        say(f"{most:,} of {count_text(len(images), 'picture')} are held out, and not {wanted:,}: at most half can be")
    return dataclasses.replace(options, held_out=min(wanted, most))


def default_count(count: int) -> int:
    """The default number of held-out images in a set of `count` images."""
    return 0 if count < SMALLEST_SET else min(MOST, max(FEWEST, count // FRACTION))


def choose_held_out(held_out: int | None, count: int, seed: int) -> np.ndarray:
    """Choose the held-out images, at random by the seed alone.

    held_out: their number; None: 0.
    count: the number of images in the set.
    seed: of the run.

    Returns their indices, int64, ascending.
    """
    generator = np.random.default_rng(derive_seed(seed, "held out"))
    return np.sort(generator.choice(count, held_out or 0, replace=False)).astype(np.int64)


class OrderWithoutHeldOut:
    """The order of a set whose held-out images are left out.

    order: of the training images alone, numbered from 0.
    held_out: indices in the set, int64, ascending.
    """

    def __init__(self, order: Order, held_out: np.ndarray) -> None:
        self.order = order
        # For each held-out index, the number of training images before it. `searchsorted` over these numbers maps the
        # number of a training image to its index in the set.
        self._training_before = held_out - np.arange(len(held_out))

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        numbers = self.order(positions)
        return numbers + np.searchsorted(self._training_before, numbers, side="right")
