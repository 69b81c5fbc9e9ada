"""`Images`: pictures opened from a source, at one size, in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.images.cache import Skipped, Store, cache_folder, open_or_make
from imagewright.images.decoding import Unreadable
from imagewright.images.labels import Annotations
from imagewright.images.preparing import decode_all, to_pixels
from imagewright.images.sources.arrays import ArraySource
from imagewright.images.sources.base import Source, digest
from imagewright.images.transforms import Recipe, take_views

if TYPE_CHECKING:
    import torch

MEMORY_LIMIT = 2**26
"""Sets that are in memory already stay there, prepared, up to this many bytes (64 MiB)."""
RECIPE_VERSION = "1"


@dataclass(frozen=True)
class Batch:
    """Pictures with what is known of them, each tensor in memory of its own.

    `images`: uint8 (N, C, H, W), 0 to 255, channels_last in memory. `labels`: int64 (N,) or None. `attributes`:
    float32 (N, A) of 0 and 1, or None.
    """

    images: torch.Tensor
    labels: torch.Tensor | None = None
    attributes: torch.Tensor | None = None


@dataclass
class Prepared:
    """A source at one recipe, and its decoded pixels once they are there. Subsets share it."""

    source: Source
    recipe: Recipe
    strict: bool
    cache_dir: str | Path | None
    store: Store | None = None

    @property
    def fingerprint(self) -> str:
        """Hex digest of the pictures and of all that decides their prepared pixels."""
        recipe = self.recipe
        parts = (recipe.height, recipe.width, recipe.channels, recipe.crop, recipe.resize)
        return digest(RECIPE_VERSION, self.source.identity, *(str(part) for part in parts))

    def open(self, progress: Callable[[int, int], None] | None, workers: int | None) -> Store:
        """The decoded pixels: from memory, from the cache, or decoded now."""
        if self.store is None:
            shape = (len(self.source), *self.recipe.canvas, self.recipe.channels)
            fill = {"progress": progress, "workers": workers, "strict": self.strict}
            if isinstance(self.source, ArraySource) and self.source.pixels.shape == shape:
                self.store = Store(self.source.pixels, [])
            elif isinstance(self.source, ArraySource) and int(np.prod(shape, dtype=object)) <= MEMORY_LIMIT:
                self.store = self._in_memory(shape, fill)
            else:
                self.store = self._in_cache(shape, fill)
            if self.strict and self.store.skipped:
                _, name, reason = self.store.skipped[0]
                raise DataError(f"{self.source.typed}: {name} cannot be read: {reason}.")
        return self.store

    def _in_memory(self, shape: tuple[int, int, int, int], fill: dict[str, Any]) -> Store:
        pixels = np.zeros(shape, np.uint8)

        def write(first: int, rows: np.ndarray) -> None:
            pixels[first : first + len(rows)] = rows

        skipped = decode_all(self.source, self.recipe, write, **fill)
        return Store(np.delete(pixels, [index for index, _, _ in skipped], axis=0) if skipped else pixels, skipped)

    def _in_cache(self, shape: tuple[int, int, int, int], fill: dict[str, Any]) -> Store:
        row = int(np.prod(shape[1:]))

        def decode_into(descriptor: int) -> list[Skipped]:
            def write(first: int, rows: np.ndarray) -> None:
                data, at = rows.reshape(-1), first * row
                while len(data):  # one call writes at most what the system likes
                    written = os.pwrite(descriptor, data, at)  # type: ignore[arg-type]
                    data, at = data[written:], at + written

            return decode_all(self.source, self.recipe, write, **fill)

        return open_or_make(cache_folder(self.cache_dir), self.fingerprint, shape, decode_into)


class Images:
    """A set of pictures: a length, a size, channels, maybe labels or attributes, and a fingerprint.

    Made by `open_images`. Pixels are decoded once, by `prepare()` (or by the first batch), into a file mapped into
    memory. Until then `len()` counts the pictures listed; unreadable ones leave in `prepare()`, named in `skipped`.

    Fields: `source` (as the user named it), `height`, `width`, `channels`, `labels` (int64 (N,) or None),
    `class_names`, `attributes` (float32 (N, A) of 0 and 1, or None), `attribute_names`, `flip` (random views may be
    mirrored), `crop`, `skipped` ((name, reason) each), `notes` (sentences on what was chosen or passed over).
    """

    def __init__(self, prepared: Prepared, *, flip: bool, selection: np.ndarray | None = None) -> None:
        self._prepared = prepared
        self._selection = selection  # indices in the source, None for all of it
        self._rows: np.ndarray | None = None  # rows of the store, once prepared
        self.flip = flip
        self.skipped: list[tuple[str, str]] = []
        self.notes = list(prepared.source.notes)
        self._annotate()

    def _annotate(self) -> None:
        known: Annotations = self._prepared.source.annotations
        if self._selection is not None:
            known = known.select(self._selection)
        self.labels, self.class_names = known.labels, known.class_names
        self.attributes, self.attribute_names = known.attributes, known.attribute_names

    @property
    def source(self) -> str:
        """The source as the user named it."""
        return self._prepared.source.typed

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self._prepared.recipe.height

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self._prepared.recipe.width

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def channels(self) -> int:
        """1 (grey), 3 (RGB) or 4 (RGBA)."""
        return self._prepared.recipe.channels

    @property
    def crop(self) -> str:
        """`centre`, `random` or `none`."""
        return self._prepared.recipe.crop

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with the pictures, and with size, channels, crop and filter. Not with `flip`."""
        whole = self._prepared.fingerprint
        chosen = self._chosen_by_user
        return whole if chosen is None else digest(whole, chosen)

    _chosen_by_user: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._prepared.source) if self._selection is None else len(self._selection)

    def __repr__(self) -> str:
        return f"<Images {self.source}: {len(self):,} of {self.height}x{self.width}x{self.channels}>"

    def name(self, index: int) -> str:
        """The file name of picture `index`, for reports."""
        return self._prepared.source.name(index if self._selection is None else int(self._selection[index]))

    def names(self) -> list[str]:
        """All file names in order: a list, so of a very large set rather ask `name(index)`."""
        return [self.name(index) for index in range(len(self))]

    def prepare(self, progress: Callable[[int, int], None] | None = None, workers: int | None = None) -> Images:
        """Decode every picture once into the cache, or open the cache that is there. Returns self.

        `progress(done, total)` is called now and then. Two processes may prepare the same set at once: one decodes,
        the other waits. Raises `DataError` when the source vanishes, the disk is full, or nothing can be read.
        """
        if self._rows is not None:
            return self
        store = self._prepared.open(progress, workers)
        listed = np.arange(len(self._prepared.source)) if self._selection is None else self._selection
        if store.skipped:
            bad = np.array([index for index, _, _ in store.skipped], np.int64)
            good = ~np.isin(listed, bad)
            gone = set(listed[~good].tolist())
            self.skipped = [(name, reason) for index, name, reason in store.skipped if index in gone]
            listed = listed[good]
            self._selection = listed
            self._annotate()
            self._rows = listed - np.searchsorted(bad, listed)
        else:
            self._rows = listed
        if len(listed) == 0:
            raise DataError(f"No picture chosen of {self.source} can be read.")
        return self

    def batch(self, indices: np.ndarray, views: np.ndarray | None = None, seed: int = 0) -> Batch:
        """The pictures `indices` (int64), prepared first if need be.

        `views`: for each row its place in the endless stream of training (int64). It and `seed` alone decide the
        random crop and flip of that row, in whatever batch it comes. None: the centre crop, not flipped.
        """
        import torch

        self.prepare()
        assert self._rows is not None
        indices = np.asarray(indices, dtype=np.int64)
        store = self._prepared.open(None, None)
        pixels = take_views(
            store.pixels, self._rows[indices], self._prepared.recipe, flip=self.flip, views=views, seed=seed
        )
        return self._as_batch(pixels, self.labels, self.attributes, indices, torch)

    @staticmethod
    def _as_batch(
        pixels: np.ndarray, labels: np.ndarray | None, attributes: np.ndarray | None, indices: np.ndarray, torch: Any
    ) -> Batch:
        return Batch(
            torch.from_numpy(pixels).permute(0, 3, 1, 2),
            None if labels is None else torch.from_numpy(labels[indices]),
            None if attributes is None else torch.from_numpy(attributes[indices]),
        )

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """All pictures in order, once, `batch_size` at a time (the last batch may be smaller), in flat memory."""
        if batch_size < 1:
            raise ConfigError(f"A batch of {batch_size} pictures cannot be made: 1 or more was expected.")
        self.prepare()
        for start in range(0, len(self), batch_size):
            yield self.batch(np.arange(start, min(start + batch_size, len(self))))

    def stream(
        self, batch_size: int, rank: int = 0, world: int = 1, worker: int = 0, workers: int = 1
    ) -> Iterator[Batch]:
        """One pass over this reader's share without a cache, decoding as it reads: for sets too large to prepare.

        The shards of a tar set (else blocks of pictures) are dealt out over `world` ranks with `workers` readers each:
        every picture goes to exactly one reader, and each shard is read from its start to its end. Unreadable
        pictures are passed over and named in `skipped`.
        """
        import torch

        share = self._share(rank * workers + worker, world * workers)
        source, recipe = self._prepared.source, self._prepared.recipe
        known = source.annotations
        rows = np.empty((batch_size, *recipe.canvas, recipe.channels), np.uint8)
        chosen: list[int] = []
        for indices in share:
            for index, payload in zip(indices, source.read(indices), strict=True):
                try:
                    rows[len(chosen)] = to_pixels(payload, recipe)
                except Unreadable as reason:
                    if self._prepared.strict:
                        raise DataError(f"{self.source}: {source.name(index)} cannot be read: {reason}.") from reason
                    self.skipped.append((source.name(index), str(reason)))
                    continue
                chosen.append(index)
                if len(chosen) == batch_size:
                    yield self._streamed(rows, np.array(chosen), known, torch)
                    chosen.clear()
        if chosen:
            yield self._streamed(rows[: len(chosen)], np.array(chosen), known, torch)

    def _streamed(self, rows: np.ndarray, indices: np.ndarray, known: Annotations, torch: Any) -> Batch:
        recipe = self._prepared.recipe
        pixels = take_views(rows, np.arange(len(rows)), recipe, flip=False, views=None, seed=0)
        return self._as_batch(pixels, known.labels, known.attributes, indices, torch)

    def _share(self, reader: int, readers: int) -> Iterator[np.ndarray]:
        if not 0 <= reader < readers:
            raise ConfigError(f"Reader {reader} of {readers} does not exist: ranks and workers count from 0.")
        source = self._prepared.source
        shards = source.shards()
        if len(shards) < readers:
            bounds = np.linspace(0, len(source), readers + 1).astype(np.int64)
            mine = [(int(bounds[reader]), int(bounds[reader + 1]))]
        else:
            mine = shards[reader::readers]
        for start, stop in mine:
            indices = np.arange(start, stop)
            yield indices if self._selection is None else indices[np.isin(indices, self._selection)]

    def with_size(self, size: int | tuple[int, int] | None, channels: int | None = None) -> Images:
        """The same pictures at another size (height, width) or other channels; None keeps what they are."""
        from imagewright.images.open import checked_channels, checked_size

        height, width = self.size if size is None else checked_size(size)
        recipe = replace(
            self._prepared.recipe,
            height=height,
            width=width,
            channels=self.channels if channels is None else checked_channels(channels),
        )
        other = Images(replace(self._prepared, recipe=recipe, store=None), flip=self.flip, selection=self._selection)
        other._chosen_by_user = self._chosen_by_user
        return other

    def subset(self, indices: np.ndarray) -> Images:
        """The pictures `indices` of this set, in that order; they share its cache."""
        indices = np.asarray(indices)
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        if len(indices) == 0 or indices.min() < 0 or indices.max() >= len(self):
            raise ConfigError(f"A subset needs indices from 0 to {len(self) - 1:,}, and at least one.")
        chosen = indices.astype(np.int64) if self._selection is None else self._selection[indices]
        other = Images(self._prepared, flip=self.flip, selection=chosen)
        other._chosen_by_user = chosen
        return other

    def describe(self) -> dict[str, Any]:
        """A record for run directories and reports, ready for JSON."""
        return {
            "source": self.source,
            "count": len(self),
            "size": [self.height, self.width],
            "channels": self.channels,
            "class_names": None if self.class_names is None else list(self.class_names),
            "attribute_names": None if self.attribute_names is None else list(self.attribute_names),
            "fingerprint": self.fingerprint,
            "resize": self._prepared.recipe.resize,
            "crop": self.crop,
            "flip": self.flip,
            "skipped": len(self.skipped),
            "notes": list(self.notes),
        }
