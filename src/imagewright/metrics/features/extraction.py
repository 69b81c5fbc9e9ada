"""Feature extraction in one pass over the pictures, on all cores.

On a CPU each core reads, prepares and extracts batches of its own; with a GPU the CPU prepares the next batch while the
network runs. Under `torchrun` each rank extracts a share of the rows, and the main rank collects all of them.
"""

from __future__ import annotations

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
from imagewright.metrics.features.mapped_arrays import TOUCHED, allocate_array, release_pages
from imagewright.metrics.metric import Pictures
from imagewright.pretrained.features.contract import About, FeatureNetwork, Features
from imagewright.progress import Progress
from imagewright.verbs.blocks import LARGEST_BLOCK

BATCH = 4 * LARGEST_BLOCK
AHEAD = 2  # batches submitted in advance, besides one for each worker

Result = TypeVar("Result")
Allocate = Callable[[tuple[int, int]], np.ndarray]
"""Returns a writable float32 array of the given shape."""


@dataclass(frozen=True)
class ExtractedFeatures:
    """Features, and logits if the network classifies. The arrays may be memory-mapped.

    features: float32 (N, F).
    logits: float32 (N, K), None if the network does not classify.
    """

    features: np.ndarray
    logits: np.ndarray | None = None


def extract_features(
    pictures: Pictures,
    network: FeatureNetwork,
    *,
    progress: Progress | None = None,
    allocate: tuple[Allocate, Allocate] = (allocate_array, allocate_array),
    all_on_this_rank: bool = False,
) -> ExtractedFeatures:
    """The features of all pictures. Memory does not grow with their number, except for the arrays of `allocate`.

    pictures: random access by index.
    network: extracts the features.
    progress: called with (done, total). With several ranks, `done` is this rank's share done, scaled to all pictures.
    allocate: functions that return the arrays for features and for logits, on the rank that returns the whole.
    all_on_this_rank: extract everything in this process, whatever the number of ranks. Otherwise all ranks must call
        this function: each extracts a share, and only the main rank returns the whole.

    Raises `DataError` for features that are not finite, with the number of the picture, and for another number of
    features than the network says.
    """
    world = 1 if all_on_this_rank else distributed.world_size()
    rank = 0 if all_on_this_rank else distributed.rank()
    bounds = _share_bounds(len(pictures), world)
    own_share = bounds[rank + 1] - bounds[rank]
    features, logits = (
        _allocate(network.about, len(pictures), *allocate)
        if rank == 0
        else _allocate(network.about, own_share, allocate_array, allocate_array)
    )
    done = released = 0
    for found in _extract_in_order(pictures, network, bounds[rank], bounds[rank + 1]):
        count = len(found.pooled)
        _check_width(found.pooled, network.about)
        _check_finite(found.pooled, bounds[rank] + done, network.about.name)
        features[done : done + count] = found.pooled.numpy()
        if logits is not None and found.logits is not None:
            logits[done : done + count] = found.logits.numpy()
        done += count
        if (done - released) * network.about.dimension * features.itemsize > TOUCHED:
            released = done
            release_pages(features)
        if progress is not None:
            progress(len(pictures) * done // own_share, len(pictures))
    if world > 1:
        distributed.gather_rows_on_main(features, bounds)
        if logits is not None:
            distributed.gather_rows_on_main(logits, bounds)
    return ExtractedFeatures(features, logits)


def _check_width(pooled: Tensor, about: About) -> None:
    """Raise `DataError` if a network gives other than its own number of features, since its width follows the size."""
    if pooled.shape[1] != about.dimension:
        raise DataError(
            f"The network {about.name} gives {pooled.shape[1]:,} features for these pictures and {about.dimension:,} "
            "for others, so they depend on the size of a picture: name one size for all after an @, as in "
            f"{about.name.partition('@')[0]}@64."
        )


def _allocate(about: About, rows: int, features: Allocate, logits: Allocate) -> tuple[np.ndarray, np.ndarray | None]:
    """The arrays for features, and for logits if the network classifies."""
    return features((rows, about.dimension)), logits((rows, about.classes)) if about.classes else None


def _share_bounds(count: int, world: int) -> list[int]:
    """The bounds of the ranks' shares: rank r has the rows from bounds[r] to bounds[r + 1].

    Shares are whole blocks, so that features do not depend on the number of ranks.
    """
    blocks = -(-count // LARGEST_BLOCK)
    return [min(count, blocks * rank // world * LARGEST_BLOCK) for rank in range(world + 1)]


def _extract_in_order(pictures: Pictures, network: FeatureNetwork, first: int, last: int) -> Iterator[Features]:
    """The features of the rows from `first` to `last`, a batch at a time.

    If several threads may call the network, each core reads, prepares and extracts batches of its own: cores that share
    a batch wait for each other at every layer. Otherwise one thread prepares the next batches while the network runs.
    """

    def prepare(start: int, count: int) -> Tensor:
        return network.prepare(pictures.pictures(np.arange(start, min(start + count, last))))

    if network.concurrent:
        step = max(LARGEST_BLOCK, network.block)
        yield from _map_ahead(
            lambda start: network.extract(prepare(start, step)), range(first, last, step), per_core=True
        )
    else:
        for prepared in _map_ahead(lambda start: prepare(start, BATCH), range(first, last, BATCH), per_core=False):
            yield network.extract(prepared)


def _map_ahead(work: Callable[[int], Result], starts: range, *, per_core: bool) -> Iterator[Result]:
    """Map `work` over `starts` in order, a few items ahead.

    per_core: use one single-threaded worker per core; else one worker thread in all.
    """
    threads = torch.get_num_threads()
    workers, begin = (threads, partial(torch.set_num_threads, 1)) if per_core else (1, None)
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
        torch.set_num_threads(threads)  # set_num_threads in a worker also changes the default of threads started later


def _check_finite(features: Tensor, first: int, name: str) -> None:
    """Raise `DataError` for features that are not finite. `first`: the index of the first row's picture."""
    wrong = ~features.isfinite().all(1)
    if wrong.any():
        raise DataError(
            f"The features {name!r} of picture {first + int(wrong.int().argmax()):,} are not finite numbers, so no "
            "score can be computed from them. Check that the weights file is complete."
        )
