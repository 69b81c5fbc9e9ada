"""Pictures to features in one pass, with every core at work: on pictures of its own, or beside a GPU on the next ones.

Over ranks each takes a share of the rows, and the main one gets all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from imagewright import distributed
from imagewright.errors import DataError
from imagewright.files import cache_folder
from imagewright.metrics.metric import Pictures
from imagewright.pretrained.features.contract import FeatureNetwork, Features
from imagewright.verbs.blocks import LARGEST_BLOCK

BATCH = 4 * LARGEST_BLOCK
AHEAD = 2  # batches that are begun before those at work are done
IN_MEMORY = 2**28  # bytes of one array; more are kept in a file that the system maps into memory

Result = TypeVar("Result")
Progress = Callable[[int, int], None]
Room = Callable[[tuple[int, int]], np.ndarray]
"""Gives an array float32 of a shape to write into."""


@dataclass(frozen=True)
class Extracted:
    """`features` float32 (N, F), and `logits` float32 (N, K) where the network classifies; maybe mapped from files."""

    features: np.ndarray
    logits: np.ndarray | None = None


def room(shape: tuple[int, ...], kind: type[np.generic] = np.float32) -> np.ndarray:
    """An array to fill: in memory, or in a nameless file beside the cache, which goes when the array does."""
    if np.prod(shape, dtype=np.int64) * np.dtype(kind).itemsize <= IN_MEMORY:
        return np.empty(shape, kind)
    folder = cache_folder(None)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, kind, "w+", shape=shape)


def features_of(
    pictures: Pictures,
    network: FeatureNetwork,
    *,
    progress: Progress | None = None,
    rooms: tuple[Room, Room] = (room, room),
    alone: bool = False,
) -> Extracted:
    """The features of all pictures. Memory does not grow with their number, but for what `rooms` gives.

    `rooms`: where features and logits are written. `alone`: this process does all, whatever ranks there are; else each
    rank does a share, and calls this alike; only the main one has the whole afterwards. Raises `DataError` for
    features that are no finite numbers, naming the picture.
    """
    about = network.about
    world = 1 if alone else distributed.world_size()
    rank = 0 if alone else distributed.rank()
    bounds = _bounds(len(pictures), world)
    main, mine = rank == 0, bounds[rank + 1] - bounds[rank]
    rows = len(pictures) if main else mine
    features = (rooms[0] if main else room)((rows, about.dimension))
    logits = (rooms[1] if main else room)((rows, about.classes)) if about.classes else None
    done = 0
    for found in _in_order(pictures, network, bounds[rank], bounds[rank + 1]):
        count = len(found.pooled)
        _check_finite(found.pooled, bounds[rank] + done, about.name)
        features[done : done + count] = found.pooled.numpy()
        if logits is not None and found.logits is not None:
            logits[done : done + count] = found.logits.numpy()
        done += count
        if progress is not None:
            progress(done * world, len(pictures))
    if world > 1:
        distributed.gather_rows_on_main(features, bounds)
        if logits is not None:
            distributed.gather_rows_on_main(logits, bounds)
    return Extracted(features, logits)


def _bounds(count: int, world: int) -> list[int]:
    """Where each rank's share begins, in whole blocks, so that a picture is the same however many ranks there are."""
    blocks = -(-count // LARGEST_BLOCK)
    return [min(count, blocks * rank // world * LARGEST_BLOCK) for rank in range(world + 1)]


def _in_order(pictures: Pictures, network: FeatureNetwork, first: int, last: int) -> Iterator[Features]:
    """The features of the rows from `first` to `last`, a batch at a time.

    Where the network may be called by several threads, each takes pictures all the way from reading them, on one core:
    cores that share a batch wait for each other at every layer. Else batches are made ready while the network is at
    work on the one before.
    """

    def ready(start: int, count: int) -> Tensor:
        return network.prepare(pictures.pictures(np.arange(start, min(start + count, last))))

    if network.concurrent:
        step = max(LARGEST_BLOCK, network.block)
        yield from _ahead(lambda start: network.extract(ready(start, step)), range(first, last, step), one_core=True)
    else:
        for prepared in _ahead(lambda start: ready(start, BATCH), range(first, last, BATCH), one_core=False):
            yield network.extract(prepared)


def _ahead(work: Callable[[int], Result], starts: range, *, one_core: bool) -> Iterator[Result]:
    """What `work` makes of each start, in their order and a few ahead: by a thread, or by one on each core."""
    threads = torch.get_num_threads()
    workers, begin = (threads, partial(torch.set_num_threads, 1)) if one_core else (1, None)
    left = iter(starts)
    try:
        with ThreadPoolExecutor(workers, "imagewright-features", begin) as pool:
            waiting = [pool.submit(work, start) for start in islice(left, workers + AHEAD)]
            try:
                while waiting:
                    done = waiting.pop(0).result()
                    waiting += [pool.submit(work, start) for start in islice(left, 1)]
                    yield done
            finally:
                for future in waiting:
                    future.cancel()
    finally:
        torch.set_num_threads(threads)  # a thread that sets its own number sets that of later ones too


def _check_finite(features: Tensor, first: int, name: str) -> None:
    wrong = ~features.isfinite().all(1)
    if wrong.any():
        raise DataError(
            f"The features {name!r} of picture {first + int(wrong.int().argmax()):,} are no finite numbers, so that no "
            "score of them would mean anything: is the weights file whole?"
        )
