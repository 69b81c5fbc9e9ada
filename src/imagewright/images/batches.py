"""A batch of pictures as tensors, and batches from a stream that needs no cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.images import notices
from imagewright.images.annotations import Annotations
from imagewright.images.cache.prepared import Prepared
from imagewright.images.decoding.decode_range import to_pixels
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.preprocessing import take_views
from imagewright.images.layers import IMAGE, Layer, image_layer
from imagewright.reprs import pictures_text, short_repr

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """Pictures with their labels and attributes, each tensor in memory of its own.

    Attributes:
        images: uint8 (N, C, H, W), 0 to 255, channels_last in memory: the layer named "image", else the layer named
            "target", else the last layer that is a picture.
        labels: int64 (N,), -1 for a picture without a class; or None.
        attributes: float32 (N, A) of 0 and 1, NaN if it is not known; or None.
        layers: all layers by name: uint8 (N, C, H, W) of pictures, int64 (N, H, W) of label and instance maps. A plain
            set has one, {"image": images}; it is filled in if it is left out.
    """

    images: torch.Tensor
    labels: torch.Tensor | None = None
    attributes: torch.Tensor | None = None
    layers: dict[str, torch.Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        labels = "" if self.labels is None else ", with labels"
        return short_repr(self, pictures_text(self.images) + labels, ".images" if not labels else ".images, .labels")

    def __post_init__(self) -> None:
        if not self.layers:
            object.__setattr__(self, "layers", {IMAGE: self.images})

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        """The batch with `change` applied to every tensor, once each: moved to a device, pinned, indexed."""
        changed: dict[int, torch.Tensor] = {}

        def once(tensor: torch.Tensor) -> torch.Tensor:
            if id(tensor) not in changed:  # `images` is one of the layers
                changed[id(tensor)] = change(tensor)
            return changed[id(tensor)]

        return Batch(
            images=once(self.images),
            labels=None if self.labels is None else once(self.labels),
            attributes=None if self.attributes is None else once(self.attributes),
            layers={name: once(layer) for name, layer in self.layers.items()},
        )

    def rows(self, which: slice | torch.Tensor) -> Batch:
        """Some rows of the batch."""
        return self.map(lambda part: part[which])


def build_batch(pixels: np.ndarray, layers: Sequence[Layer], known: Annotations, indices: np.ndarray) -> Batch:
    """A batch from rows of the store.

    pixels: uint8 (N, H, W, stored channels), in memory of its own.
    layers: of the pictures, in the order of their channels.
    known: annotations of the set.
    indices: int64 (N,), the places of the pictures in the set.
    """
    import torch

    tensors: dict[str, torch.Tensor] = {}
    first = 0
    for layer in layers:
        part = pixels[..., first : first + layer.stored_channels]
        first += layer.stored_channels
        if layer.kind == "picture":
            tensors[layer.name] = torch.from_numpy(np.ascontiguousarray(part)).permute(0, 3, 1, 2)
        else:
            low, *high = np.moveaxis(part.astype(np.int64), 3, 0)
            tensors[layer.name] = torch.from_numpy(low + 256 * high[0] if high else low)
    return Batch(
        tensors[image_layer(layers).name],
        None if known.labels is None else torch.from_numpy(known.labels[indices]),
        None if known.attributes is None else torch.from_numpy(known.attributes[indices]),
        tensors,
    )


def stream_share(
    prepared: Prepared,
    selection: np.ndarray | None,
    known: Annotations,
    batch_size: int,
    place: tuple[int, int, int, int],
    skipped: list[tuple[str, str]],
) -> Iterator[Batch]:
    """One pass over one reader's share of a set, decoded as it is read (see `Images.stream`).

    selection: the pictures of the source that the set has; None for all.
    known: annotations of the set.
    place: (rank, world, worker, workers).
    skipped: unreadable pictures are added to it, as (name, reason).
    """
    if batch_size < 1:
        raise ConfigError(f"A batch of {batch_size} pictures cannot be made: 1 or more was expected.")
    source, preprocessing = prepared.source, prepared.preprocessing
    rows = np.empty((batch_size, *preprocessing.stored_shape), np.uint8)
    filled: list[int] = []

    def finish() -> Batch:
        pixels = take_views(rows, np.arange(len(filled)), preprocessing, flip=False, views=None, seed=0)
        return build_batch(pixels, preprocessing.layers, known, _places_in_set(np.array(filled), selection))

    for indices in _share(prepared, selection, place):
        for index, payload in zip(indices.tolist(), source.read(indices), strict=True):
            try:
                rows[len(filled)] = to_pixels(payload, preprocessing)
            except Unreadable as reason:
                if prepared.strict:
                    raise DataError(f"{source.typed}: {source.name(index)} cannot be read: {reason}.") from reason
                skipped.append((source.name(index), str(reason)))
                notices.add_unreadable(source.typed, skipped[-1:])
                continue
            filled.append(index)
            if len(filled) == batch_size:
                yield finish()
                filled.clear()
    if filled:
        yield finish()


def _places_in_set(indices: np.ndarray, selection: np.ndarray | None) -> np.ndarray:
    """Where pictures of the source are in the set."""
    if selection is None:
        return indices
    order = np.argsort(selection, kind="stable")
    return order[np.searchsorted(selection, indices, sorter=order)]


def _share(prepared: Prepared, selection: np.ndarray | None, place: tuple[int, int, int, int]) -> Iterator[np.ndarray]:
    """The pictures of the source that this reader reads, in pieces that are best read in one go."""
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
