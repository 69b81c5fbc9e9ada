"""`Images`: pictures opened from a source, at one size, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.images.batches import Batch, as_batch, stream_share
from imagewright.images.cache.prepared import Prepared
from imagewright.images.decoding.on_demand import Decoder
from imagewright.images.decoding.preprocessing import checked_channels, checked_size, take_views
from imagewright.images.labels import Annotations
from imagewright.images.sources.base import digest


class Images:
    """A set of pictures: a length, a size, channels, maybe labels or attributes, and a fingerprint.

    Made by `open_images`. Pixels are decoded once, by `prepare()` (or by the first batch), into a file mapped into
    memory. Until then `len()` counts the pictures listed; unreadable ones leave in `prepare()`, named in `skipped`.

    Fields: `source` (as the user named it), `height`, `width`, `channels`, `labels` (int64 (N,) or None),
    `class_names`, `attributes` (float32 (N, A) of 0 and 1, or None), `attribute_names`, `flip` (random views may be
    mirrored), `cached`, `size_given` (whether the user asked for this size; where not, a model may take the nearest
    that it can do), `crop`, `skipped` ((name, reason) each), `notes` (sentences on what was chosen or passed over).
    """

    def __init__(
        self,
        prepared: Prepared,
        *,
        flip: bool,
        size_given: bool = False,
        chosen: np.ndarray | None = None,
    ) -> None:
        self._prepared = prepared
        self._selection = chosen  # indices in the source, None for all of it; unreadable ones leave in prepare()
        self._rows: np.ndarray | None = None  # rows of the store, once prepared
        self._chosen = chosen  # what subset() was asked for: part of the fingerprint, unlike what is skipped
        self._decoder = (
            None if prepared.cached else Decoder(prepared.source, prepared.recipe, chosen, strict=prepared.strict)
        )
        self.flip = flip
        self.size_given = size_given
        self._skipped: list[tuple[str, str]] = []
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
    def cached(self) -> bool:
        """Whether pictures are decoded once into a cache (`open_images(cache=False)`: each time they are asked for)."""
        return self._decoder is None

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(name, reason) of each picture that cannot be read: left out, or without a cache stood in for by the next."""
        return self._skipped if self._decoder is None else self._decoder.skipped

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with the pictures, and with size, channels, crop and filter. Not with `flip`."""
        whole = self._prepared.fingerprint
        return whole if self._chosen is None else digest(whole, self._chosen)

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

        Images opened with `cache=False` have nothing to prepare.

        `progress(done, total)` is called now and then. Two processes may prepare the same set at once: one decodes,
        the other waits. Raises `DataError` when the source vanishes, the disk is full, or nothing can be read.
        """
        if self._rows is not None or not self.cached:
            return self
        store = self._prepared.open(progress, workers)
        listed = np.arange(len(self._prepared.source)) if self._selection is None else self._selection
        if store.skipped:
            bad = np.array([index for index, _, _ in store.skipped], np.int64)
            good = ~np.isin(listed, bad)
            gone = set(listed[~good].tolist())
            self._skipped = [(name, reason) for index, name, reason in store.skipped if index in gone]
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
        indices = np.asarray(indices, dtype=np.int64)
        if self._decoder is None:
            self.prepare()
            assert self._rows is not None
            store, rows = self._prepared.open(None, None).pixels, self._rows[indices]
        else:
            store, indices = self._decoder.decode(indices)
            rows = np.arange(len(indices))
        pixels = take_views(store, rows, self._prepared.recipe, flip=self.flip, views=views, seed=seed)
        return as_batch(pixels, self.labels, self.attributes, indices)

    def batches(self, batch_size: int) -> Iterator[Batch]:
        """All pictures in order, once, `batch_size` at a time (the last batch may be smaller), in flat memory."""
        if batch_size < 1:
            raise ConfigError(f"A batch of {batch_size} pictures cannot be made: 1 or more was expected.")
        self.prepare()
        for start in range(0, len(self), batch_size):
            stop = min(start + batch_size, len(self))
            yield self.batch(np.arange(start, stop))
            if self._rows is None:
                continue
            store = self._prepared.open(None, None)
            store.let_go(int(self._rows[start:stop].min()), int(self._rows[start:stop].max()) + 1)

    def stream(
        self, batch_size: int, rank: int = 0, world: int = 1, worker: int = 0, workers: int = 1
    ) -> Iterator[Batch]:
        """One pass over this reader's share without a cache, decoding as it reads: for sets too large to prepare.

        The shards of a tar set (else blocks of pictures) are dealt out over `world` ranks with `workers` readers each:
        every picture goes to exactly one reader, and each shard is read from its start to its end. Unreadable
        pictures are passed over and named in `skipped`.
        """
        yield from stream_share(
            self._prepared, self._selection, batch_size, (rank, world, worker, workers), self._skipped
        )

    def with_size(self, size: int | tuple[int, int] | None, channels: int | None = None) -> Images:
        """The same pictures at another size (height, width) or other channels; None keeps what they are."""
        height, width = self.size if size is None else checked_size(size)
        recipe = replace(
            self._prepared.recipe,
            height=height,
            width=width,
            channels=self.channels if channels is None else checked_channels(channels),
        )
        return Images(
            replace(self._prepared, recipe=recipe, store=None),
            flip=self.flip,
            size_given=self.size_given or size is not None,
            chosen=self._chosen,
        )

    def subset(self, indices: np.ndarray) -> Images:
        """The pictures `indices` of this set, in that order; they share its cache."""
        indices = np.asarray(indices)
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        if len(indices) == 0 or indices.min() < 0 or indices.max() >= len(self):
            raise ConfigError(f"A subset needs indices from 0 to {len(self) - 1:,}, and at least one.")
        chosen = indices.astype(np.int64) if self._selection is None else self._selection[indices]
        return Images(self._prepared, flip=self.flip, size_given=self.size_given, chosen=chosen)

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
            "cache": self.cached,
            "skipped": len(self.skipped),
            "notes": list(self.notes),
        }
