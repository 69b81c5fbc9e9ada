"""In which shard each picture of a set is, and which pictures are in shards that this machine does not have."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from imagewright.images.images import Images
from imagewright.images.sources.indexed_shards import IndexedShards, LayeredShards
from imagewright.images.sources.shard_index import ShardIndex


def index_of(images: Images) -> ShardIndex | None:
    """The index of the shards that a set was opened from; None for other sources."""
    source = images._prepared.source
    source = source.first if isinstance(source, LayeredShards) else source
    return source.index if isinstance(source, IndexedShards) else None


def shard_numbers(images: Images) -> np.ndarray | None:
    """int (N,): which shard each picture is in, counted from 0 over those that the set has pictures in; or None.

    None for sets that were opened from something other than shards with an index.
    """
    numbers = images._prepared.source.shard_numbers
    if numbers is None:
        return None
    taken = np.unique(numbers)  # of the source: the classes of a set are read from the same shards
    return np.searchsorted(taken, numbers if images._selection is None else numbers[images._selection])


def shard_count(images: Images) -> int:
    """How many shards a set was opened from; 0 for a source that is no shards with an index."""
    numbers = images._prepared.source.shard_numbers
    return 0 if numbers is None else len(np.unique(numbers))


def missing_among(images: Images, wanted: Iterable[int]) -> list[int]:
    """Which of some shards, numbered as by `shard_numbers`, this machine does not have, by their place in the index."""
    index, numbers = index_of(images), images._prepared.source.shard_numbers
    if index is None or numbers is None:
        return []
    taken = np.unique(numbers)
    return [number for number in taken[list(wanted)].tolist() if not index.path(number).is_file()]


def absent_places(images: Images) -> np.ndarray:
    """int64, rising: places in the set of pictures that this machine does not have; none if a cache holds them."""
    if images.cached:
        return np.empty(0, np.int64)
    absent = images._prepared.source.absent()
    if not len(absent) or images._selection is None:
        return absent
    return np.flatnonzero(np.isin(images._selection, absent))


def without_absent(images: Images, places: np.ndarray) -> np.ndarray:
    """Those of some places in the set whose pictures this machine has, in their order."""
    absent = absent_places(images)
    return places[~np.isin(places, absent)] if len(absent) else places
