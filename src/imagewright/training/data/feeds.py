"""Readers of feeds: each reads a source in an order of its own, which is seeded by the name of the feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.images import Batch, Images
from imagewright.images.shard_places import absent_places
from imagewright.model import Feed, Model
from imagewright.seeds import derive_seed
from imagewright.training.data.class_order import BalancedOrder, SameClassOrder
from imagewright.training.data.sampling_order import Order, build_order
from imagewright.training.data.shard_lanes import LaneOrder, build_lane_order, lane_count, place_rows
from imagewright.training.data.validation_split import OrderWithoutHeldOut

NO_IMAGES = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class FeedReader:
    """Reads the rows of one feed, an endless stream whose position p is a row of `repeats` images.

    images: the source.
    order: the image at each position, counted in images.
    seed: of random crops and flips, which depend on the position too.
    repeats: images a row.
    """

    images: Images
    order: Order
    seed: int
    repeats: int = 1

    @property
    def lanes(self) -> int:
        """In how many lanes the images are read from their shards; 1 for an order without lanes."""
        return len(self.order.members) if isinstance(self.order, LaneOrder) else 1

    def positions(self, start: int, rows: range, batch_size: int) -> np.ndarray:
        """The positions of some rows of the global batch that begins at position `start`, int64."""
        return place_rows(start, rows, batch_size, self.lanes)

    def batch(self, positions: np.ndarray) -> Batch:
        """The rows at positions, int64 (N,): a batch of N * repeats images."""
        if self.repeats > 1:
            positions = (positions[:, None] * self.repeats + np.arange(self.repeats)).reshape(-1)
        return self.images.batch(self.order(positions), views=positions, seed=self.seed)


def check_feeds(model: Model, sources: Mapping[str, Images], *, resampled: bool = False) -> None:
    """Raise `DataError` if a feed needs labels that its source does not have.

    resampled: whether the first feed is to show rare images more often; `ConfigError` if its rows have an order of
        their own.
    """
    name, feed = next(iter(model.feeds.items()))
    if resampled and (feed.needs_labels or feed.repeats > 1):
        raise ConfigError(
            f"resample: the {name} of this model are chosen by class or several at a time, so they cannot be chosen by "
            "rarity too. Leave --resample out."
        )
    for name, feed in model.feeds.items():
        images = sources[feed.source]
        if feed.needs_labels and images.labels is None:
            raise DataError(
                f"{name} are chosen by class, but the images of {images.source} have no labels: put them in one "
                "sub-folder for each class, or name a table of labels with --labels FILE (labels=FILE)."
            )


def build_readers(
    model: Model,
    sources: Mapping[str, Images],
    seed: int,
    held_out: np.ndarray,
    order: Order | None = None,
    batch_sizes: Sequence[int] = (),
) -> dict[str, FeedReader]:
    """Build a reader for each of the model's feeds.

    model: for its feeds.
    sources: images by the name of the source.
    seed: of the run.
    held_out: indices in the first source that training never uses.
    order: of the images of the first feed, in place of its own.
    batch_sizes: of a training, whose ranks each read their own shards. Readers without them are for one rank, which
        looks at images: they leave out those that its machine does not have.
    """
    first_source = next(iter(sources))
    readers = {}
    for place, (name, feed) in enumerate(model.feeds.items()):
        images = sources[feed.source]
        # The first feed uses the seed of the run itself, so that runs of versions without feeds can be resumed.
        own_seed = seed if place == 0 else derive_seed(seed, "feed", name)
        excluded = held_out if feed.source == first_source else NO_IMAGES
        if not batch_sizes:
            excluded = np.union1d(excluded, absent_places(images))
        own_order = order if place == 0 else None
        if own_order is None and not feed.needs_labels:  # in a lane there may be few of a class
            lanes = lane_count(images, batch_sizes)
            own_order = build_lane_order(images, excluded, lanes, own_seed, feed.repeats)
        if own_order is None:
            own_order = build_feed_order(feed, images, own_seed, excluded)
        readers[name] = FeedReader(images, own_order, own_seed, feed.repeats)
    return readers


def build_feed_order(feed: Feed, images: Images, seed: int, held_out: np.ndarray) -> Order:
    """Build the order of a feed's images, with `repeats` positions a row.

    feed: says whether rows are chosen by class.
    images: the source of the feed.
    seed: of the feed.
    held_out: indices in the source that training never uses.
    """
    count = len(images) - len(held_out)
    labels = None
    if feed.needs_labels:
        assert images.labels is not None  # `check_feeds`
        labels = np.delete(images.labels, held_out)
    order: Order = build_order(count, seed, nearby=not images.cached)
    if feed.balanced:
        assert labels is not None
        order = BalancedOrder(labels, seed)
    if feed.repeats > 1 and feed.same_class:
        assert labels is not None
        order = SameClassOrder(order, labels, feed.repeats, seed)
    return OrderWithoutHeldOut(order, held_out)
