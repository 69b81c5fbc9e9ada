"""The order of pictures that are read from shards, in which each rank of a training reads its own shards.

The shards are divided into L lanes, each a range of neighbouring shards, and position p of the stream is a picture of
lane p % L. A global batch of B rows takes B / L positions of each lane, and its rows are sorted by lane: the first
B / L rows are of the first lane, and so on. Rank r of W, which trains on the rows from r * B / W on, B / W of them,
then reads from L / W lanes alone. L is the greatest common divisor of the number of shards and of the batch size, and
does not depend on the number of ranks: one rank sees the same batches as several, and a run can be resumed with another
number of them.

Each lane has its own rounds: every picture of a lane comes once in a round of it. If lanes differ in length, pictures
of the shorter ones come a little more often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from imagewright.images import Images
from imagewright.images.shard_places import shard_count, shard_numbers
from imagewright.seeds import derive_seed
from imagewright.training.data.sampling_order import BLOCKS_MIXED, NearbyOrder


def lane_count(images: Images, batch_sizes: Sequence[int]) -> int:
    """How many lanes the shards of a set have; 1 for a set that is not read from shards with an index, or is cached.

    batch_sizes: all that the global batch has in the training.
    """
    shards = 0 if images.cached else shard_count(images)
    return math.gcd(shards, *batch_sizes) if shards and batch_sizes else 1


class LaneOrder:
    """The order of images in lanes.

    members: the images of each lane, int64, in the order of the source; none is empty.
    seed: of the random orders.
    repeats: images of a row, which are of one lane.
    """

    def __init__(self, members: Sequence[np.ndarray], seed: int, repeats: int = 1) -> None:
        self.members, self.repeats = list(members), repeats
        # As many blocks are mixed in all lanes together as without lanes.
        mixed = max(1, BLOCKS_MIXED // len(self.members))
        self.orders = [
            NearbyOrder(len(images), derive_seed(seed, "lane", lane), mixed) for lane, images in enumerate(members)
        ]

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        rows, lanes = positions // self.repeats, len(self.members)
        of_lane = rows % lanes
        turns = rows // lanes * self.repeats + positions % self.repeats
        images = np.empty_like(positions)
        for lane in np.unique(of_lane):
            chosen = of_lane == lane
            images[chosen] = self.members[lane][self.orders[lane](turns[chosen])]
        return images

    @property
    def repeated(self) -> int:
        """Images of shorter lanes that come a second time in one round of the longest lane."""
        lengths = [len(images) for images in self.members]
        return len(lengths) * max(lengths) - sum(lengths)


def build_lane_order(images: Images, held_out: np.ndarray, lanes: int, seed: int, repeats: int) -> LaneOrder | None:
    """The order of a set in lanes; None for one lane, or if one would be empty, as of a class with few pictures.

    held_out: int64, places that training never uses.
    """
    numbers = None if lanes == 1 else shard_numbers(images)
    if numbers is None:
        return None
    of_lane = numbers * lanes // shard_count(images)
    of_lane[held_out] = -1
    members = [np.flatnonzero(of_lane == lane) for lane in range(lanes)]
    return LaneOrder(members, seed, repeats) if all(map(len, members)) else None


def place_rows(start: int, rows: range, batch_size: int, lanes: int) -> np.ndarray:
    """The positions of some rows of the global batch that begins at `start`, int64.

    The positions of the batch are sorted by their lane, if it has as many of each; else they are as they come.

    >>> place_rows(0, range(8), 8, 2).tolist()
    [0, 2, 4, 6, 1, 3, 5, 7]
    """
    numbers = np.arange(rows.start, rows.stop, dtype=np.int64)
    if lanes == 1 or batch_size % lanes:
        return start + numbers
    each = batch_size // lanes
    return start + (numbers // each - start) % lanes + numbers % each * lanes
