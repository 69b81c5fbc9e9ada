"""Orders by class: all classes equally often, or all images of a row from one class."""

from __future__ import annotations

import numpy as np

from imagewright.images.decoding.preprocessing import random_words
from imagewright.seeds import derive_seed
from imagewright.training.data.sampling_order import Order, ShuffledOrder


class BalancedOrder:
    """Every class equally often.

    A round over the classes has each class once, and a round over a class has each of its images once.

    labels: int64 (N,), the class of each image. Classes without an image never occur.
    seed: of the random orders.
    """

    def __init__(self, labels: np.ndarray, seed: int) -> None:
        self.members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self.classes = ShuffledOrder(len(self.members), derive_seed(seed, "classes"))
        self.within = [
            ShuffledOrder(len(members), derive_seed(seed, "class", place)) for place, members in enumerate(self.members)
        ]

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        classes, turns = self.classes(positions), positions // len(self.members)
        images = np.empty_like(positions)
        for number in np.unique(classes):
            chosen = classes == number
            images[chosen] = self.members[number][self.within[number](turns[chosen])]
        return images


class SameClassOrder:
    """Rows of images of one class each. Position p is image p % repeats of row p // repeats.

    The first image of a row follows `order`; the others are different images of its class. If the class has fewer than
    `repeats` images, some occur more than once.

    order: of the first images.
    labels: int64 (N,), the class of each image.
    repeats: images a row.
    seed: of the random choices.
    """

    def __init__(self, order: Order, labels: np.ndarray, repeats: int, seed: int) -> None:
        self.order, self.labels, self.repeats, self.seed = order, labels, repeats, seed
        generator = np.random.default_rng(derive_seed(seed, "members"))
        # Shuffled, because a row takes neighbours in this list, and neighbours in the source may be similar.
        self.members = {
            int(label): generator.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)
        }
        self.place = np.empty(len(labels), dtype=np.int64)
        for members in self.members.values():
            self.place[members] = np.arange(len(members))

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        rows, numbers = positions // self.repeats, positions % self.repeats
        first = self.order(rows)
        words = random_words(derive_seed(self.seed, "same class"), rows)
        images = first.copy()
        for index in np.flatnonzero(numbers):
            members = self.members[int(self.labels[first[index]])]
            others = max(1, len(members) - 1)
            skipped = 1 + (int(words[index] % np.uint64(others)) + int(numbers[index]) - 1) % others
            images[index] = members[(self.place[first[index]] + skipped) % len(members)]
        return images
