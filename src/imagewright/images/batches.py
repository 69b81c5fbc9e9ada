"""A batch of pictures as tensors, and the batches of a stream that needs no cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.images.cache.prepared import Prepared
from imagewright.images.decoding.decode_range import to_pixels
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.preprocessing import take_views

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """Pictures with what is known of them, each tensor in memory of its own.

    `images`: uint8 (N, C, H, W), 0 to 255, channels_last in memory. `labels`: int64 (N,) or None. `attributes`:
    float32 (N, A) of 0 and 1, or None.
    """

    images: torch.Tensor
    labels: torch.Tensor | None = None
    attributes: torch.Tensor | None = None
    layers: dict[str, torch.Tensor] = field(default_factory=dict)

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        """The batch with every tensor changed alike: moved to a device, pinned, indexed."""
        return Batch(
            change(self.images),
            None if self.labels is None else change(self.labels),
            None if self.attributes is None else change(self.attributes),
            {name: change(layer) for name, layer in self.layers.items()},
        )

    def rows(self, which: slice | torch.Tensor) -> Batch:
        """Some rows of the batch."""
        return self.map(lambda part: part[which])


def as_batch(
    pixels: np.ndarray, labels: np.ndarray | None, attributes: np.ndarray | None, indices: np.ndarray
) -> Batch:
    """uint8 pixels (N, H, W, C) with the labels and attributes of the pictures `indices`."""
    import torch

    return Batch(
        torch.from_numpy(pixels).permute(0, 3, 1, 2),
        None if labels is None else torch.from_numpy(labels[indices]),
        None if attributes is None else torch.from_numpy(attributes[indices]),
    )


def stream_share(
    prepared: Prepared,
    selection: np.ndarray | None,
    batch_size: int,
    place: tuple[int, int, int, int],
    skipped: list[tuple[str, str]],
) -> Iterator[Batch]:
    """One pass over one reader's share of a source, decoded as it is read (see `Images.stream`).

    `place` is (rank, world, worker, workers). Unreadable pictures are added to `skipped`.
    """
    if batch_size < 1:
        raise ConfigError(f"A batch of {batch_size} pictures cannot be made: 1 or more was expected.")
    source, recipe = prepared.source, prepared.recipe
    rows = np.empty((batch_size, *recipe.canvas, recipe.channels), np.uint8)
    chosen: list[int] = []

    def finished() -> Batch:
        pixels = take_views(rows, np.arange(len(chosen)), recipe, flip=False, views=None, seed=0)
        known = source.annotations
        return as_batch(pixels, known.labels, known.attributes, np.array(chosen))

    for indices in _share(prepared, selection, place):
        for index, payload in zip(indices.tolist(), source.read(indices), strict=True):
            try:
                rows[len(chosen)] = to_pixels(payload, recipe)
            except Unreadable as reason:
                if prepared.strict:
                    raise DataError(f"{source.typed}: {source.name(index)} cannot be read: {reason}.") from reason
                skipped.append((source.name(index), str(reason)))
                continue
            chosen.append(index)
            if len(chosen) == batch_size:
                yield finished()
                chosen.clear()
    if chosen:
        yield finished()


def _share(prepared: Prepared, selection: np.ndarray | None, place: tuple[int, int, int, int]) -> Iterator[np.ndarray]:
    rank, world, worker, workers = place
    if not (0 <= rank < world and 0 <= worker < workers):
        raise ConfigError(
            f"Rank {rank} of {world} with worker {worker} of {workers} does not exist: they count from 0."
        )
    reader, readers = rank * workers + worker, world * workers
    shards = prepared.source.shards()
    if len(shards) < readers:
        bounds = np.linspace(0, len(prepared.source), readers + 1).astype(np.int64)
        mine = [(int(bounds[reader]), int(bounds[reader + 1]))]
    else:
        mine = shards[reader::readers]
    for start, stop in mine:
        indices = np.arange(start, stop)
        yield indices if selection is None else indices[np.isin(indices, selection)]
