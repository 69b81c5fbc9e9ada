"""Feature extraction in one pass over the pictures, with all cores at work.

On a CPU each core handles pictures of its own; with a GPU the CPU prepares the next batch meanwhile. Under `torchrun`
each rank extracts a share of the rows, and the main rank collects all of them.
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
from imagewright.progress import Progress
from imagewright.verbs.blocks import LARGEST_BLOCK

BATCH = 4 * LARGEST_BLOCK
AHEAD = 2  # batches submitted beyond those that the workers hold
IN_MEMORY = 2**28  # bytes of one array; larger arrays are mapped from a file

Result = TypeVar("Result")
Allocate = Callable[[tuple[int, int]], np.ndarray]
"""Returns an array float32 of a shape, to be written into."""


@dataclass(frozen=True)
class ExtractedFeatures:
    """Arrays that may be mapped from files.

    features: float32 (N, F).
    logits: float32 (N, K), None if the network does not classify.
    """

    features: np.ndarray
    logits: np.ndarray | None = None


def allocate_array(shape: tuple[int, ...], kind: type[np.generic] = np.float32) -> np.ndarray:
    """An uninitialised array: in memory, or above 256 MiB mapped from an unnamed file in the cache folder.

    The file disappears together with the array.
    """
    if np.prod(shape, dtype=np.int64) * np.dtype(kind).itemsize <= IN_MEMORY:
        return np.empty(shape, kind)
    folder = cache_folder(None)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, kind, "w+", shape=shape)


def extract_features(
    pictures: Pictures,
    network: FeatureNetwork,
    *,
    progress: Progress | None = None,
    allocate: tuple[Allocate, Allocate] = (allocate_array, allocate_array),
    alone: bool = False,
) -> ExtractedFeatures:
    """The features of all pictures. Apart from the arrays of `allocate`, memory does not grow with their number.

    pictures: by number.
    network: extracts the features.
    progress: called with (done, total).
    allocate: functions that return the arrays for features and for logits.
    alone: this process extracts everything, whatever the number of ranks. Otherwise all ranks call this function, each
        extracts a share, and only the main rank returns the whole.

    Raises `DataError` for features that are not finite, with the number of the picture.
    """
    about = network.about
    world = 1 if alone else distributed.world_size()
    rank = 0 if alone else distributed.rank()
    bounds = _share_bounds(len(pictures), world)
    main, own_share = rank == 0, bounds[rank + 1] - bounds[rank]
    rows = len(pictures) if main else own_share
    features = (allocate[0] if main else allocate_array)((rows, about.dimension))
    logits = (allocate[1] if main else allocate_array)((rows, about.classes)) if about.classes else None
    done = 0
    for found in _extract_in_order(pictures, network, bounds[rank], bounds[rank + 1]):
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
    return ExtractedFeatures(features, logits)


def _share_bounds(count: int, world: int) -> list[int]:
    """The first row of each rank's share, in whole blocks, so that features do not depend on the number of ranks."""
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
        yield from _map_ahead(lambda start: network.extract(prepare(start, step)), range(first, last, step), True)
    else:
        for prepared in _map_ahead(lambda start: prepare(start, BATCH), range(first, last, BATCH), False):
            yield network.extract(prepared)


def _map_ahead(work: Callable[[int], Result], starts: range, one_core: bool) -> Iterator[Result]:
    """Map `work` over `starts` in order, a few items ahead.

    one_core: on one single-threaded worker per core; else on one worker thread.
    """
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
        torch.set_num_threads(threads)  # a worker that sets its number of threads also sets it for later threads


def _check_finite(features: Tensor, first: int, name: str) -> None:
    """Raise `DataError` for features that are not finite. `first`: the number of the first picture."""
    wrong = ~features.isfinite().all(1)
    if wrong.any():
        raise DataError(
            f"The features {name!r} of picture {first + int(wrong.int().argmax()):,} are not finite numbers, so no "
            "score can be computed from them. Check that the weights file is complete."
        )
