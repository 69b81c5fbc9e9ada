"""From a model's feeds to batches: each feed reads its source in an order of its own, seeded by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from imagewright.errors import DataError
from imagewright.images import Batch, Images
from imagewright.model import Feed, Model
from imagewright.seeds import derive_seed
from imagewright.training.data.class_order import BalancedOrder, SameClassOrder
from imagewright.training.data.sampling_order import Order, build_order
from imagewright.training.data.validation_split import LeavingOut

NO_IMAGES = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class FeedReader:
    """Reads the rows of one feed: position p of its endless stream is a row, of `repeats` images."""

    images: Images
    order: Order
    seed: int
    repeats: int = 1

    def batch(self, positions: np.ndarray) -> Batch:
        """The rows at these positions (int64), `repeats` images each."""
        if self.repeats > 1:
            positions = (positions[:, None] * self.repeats + np.arange(self.repeats)).reshape(-1)
        return self.images.batch(self.order(positions), views=positions, seed=self.seed)


def check_feeds(model: Model, sources: Mapping[str, Images]) -> None:
    """Raise `DataError` where a feed needs labels that its source does not have."""
    for name, feed in model.feeds.items():
        images = sources[feed.source]
        if feed.needs_labels and images.labels is None:
            raise DataError(
                f"{name} are chosen by class, but the images of {images.source} have no labels: put them in a "
                "sub-folder a class, or name a table of labels with --labels FILE (labels=FILE)."
            )


def build_readers(
    model: Model, sources: Mapping[str, Images], seed: int, held_out: np.ndarray, order: Order | None = None
) -> dict[str, FeedReader]:
    """A reader for each of the model's feeds.

    held_out: indices in the first source that training never shows.
    order: of the first feed, in place of its own.
    """
    first_source = next(iter(sources))
    readers = {}
    for place, (name, feed) in enumerate(model.feeds.items()):
        images = sources[feed.source]
        # The first feed keeps the run's own seed, by which runs from before there were feeds go on.
        own_seed = seed if place == 0 else derive_seed(seed, "feed", name)
        out = held_out if feed.source == first_source else NO_IMAGES
        chosen = order if place == 0 and order is not None else feed_order(feed, images, own_seed, out)
        readers[name] = FeedReader(images, chosen, own_seed, feed.repeats)
    return readers


def feed_order(feed: Feed, images: Images, seed: int, held_out: np.ndarray) -> Order:
    """The order of a feed's images, `repeats` positions a row."""
    shown = len(images) - len(held_out)
    labels = None
    if feed.needs_labels:
        assert images.labels is not None  # `check_feeds`
        labels = np.delete(images.labels, held_out)
    order: Order = build_order(shown, seed, nearby=not images.cached)
    if feed.balanced:
        assert labels is not None
        order = BalancedOrder(labels, seed)
    if feed.repeats > 1 and feed.same_class:
        assert labels is not None
        order = SameClassOrder(order, labels, feed.repeats, seed)
    return LeavingOut(order, held_out)
