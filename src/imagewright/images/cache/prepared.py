"""A source with its preprocessing, and the decoded pixels: in memory or in the cache."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.files import cache_folder
from imagewright.images.cache.store import Skipped, Store, mapping_of, open_or_make, write_rows_to
from imagewright.images.decoding.decode_all import decode_all
from imagewright.images.decoding.preprocessing import Preprocessing, choose_decode
from imagewright.images.decoding.unreadable import Unreachable
from imagewright.images.decoding.value_range import describe_range
from imagewright.images.sources.arrays import ArraySource
from imagewright.images.sources.base import Source, digest
from imagewright.progress import Progress

MEMORY_LIMIT = 2**26
"""Prepared pixels of sources that are in memory anyway stay in memory, up to this many bytes (64 MiB)."""
PREPROCESSING_VERSION = "1"
"""Part of every fingerprint: change it when the same preprocessing gives other pixels."""


@dataclass
class Prepared:
    """A source with its preprocessing, and its decoded pixels once they are there. Subsets share it.

    Attributes:
        source: where pictures are read from.
        preprocessing: how each becomes pixels.
        strict: whether an unreadable picture raises `DataError`.
        cache_dir: the cache folder; None for the default.
        cached: if False, pictures are decoded on demand, and `open` is never called.
        store: the decoded pixels, once they are there.
        decode: "auto", "exact" or "reduced", as it was asked for; `preprocessing.decode` is what follows.
        scalable: the commonest (height, width) of the pictures, if their format has reduced scales.
        most_channels: the most of the pictures looked at.
    """

    source: Source
    preprocessing: Preprocessing
    strict: bool
    cache_dir: str | Path | None
    cached: bool = True
    store: Store | None = None
    decode: str = "exact"
    scalable: tuple[int, int] | None = None
    most_channels: int = 1

    def with_decode_chosen(self, decode: str | None = None) -> Prepared:
        """The same, decoded as is best for the present size, or as `decode` says, "exact" or "reduced"."""
        wanted = decode or self.decode
        chosen = choose_decode(wanted, self.scalable, self.preprocessing)
        return replace(self, preprocessing=replace(self.preprocessing, decode=chosen), decode=wanted)

    @property
    def fingerprint(self) -> str:
        """Hex digest of the pictures and of everything that decides their prepared pixels."""
        how = self.preprocessing
        if how.is_plain:
            parts: list[object] = [how.height, how.width, how.channels, how.crop, how.resize]
        else:
            parts = [how.height, how.width, how.crop, how.resize, *(layer.to_dict() for layer in how.layers)]
        if how.load is not None and how.canvas != replace(how, load=None).canvas:
            parts.append(f"load {how.canvas[0]} {how.canvas[1]}")
        if how.decode != "exact":
            parts.append(how.decode)
        if how.values is not None:
            parts.append(f"values {describe_range(how.values)}")
        return digest(PREPROCESSING_VERSION, self.source.identity, *(str(part) for part in parts))

    def open(self, progress: Progress | None, workers: int | None) -> Store:
        """The decoded pixels: from memory, from the cache, or decoded now."""
        if self.store is None:
            shape = (len(self.source), *self.preprocessing.stored_shape)
            options = {"progress": progress, "workers": workers, "strict": self.strict}
            if isinstance(self.source, ArraySource) and self.source.pixels.shape == shape:
                self.store = Store(self.source.pixels, [], mapping_of(self.source.pixels))
            elif self.source.in_memory and math.prod(shape) <= MEMORY_LIMIT:
                self.store = self._in_memory(shape, options)
            else:
                self.store = self._in_cache(shape, options)
            if self.strict and self.store.skipped:
                bad = self.store.skipped[0]
                raise DataError(f"{self.source.typed}: {bad.name} cannot be read: {bad.reason}.")
        return self.store

    def _in_memory(self, shape: tuple[int, int, int, int], options: dict[str, Any]) -> Store:
        pixels = np.zeros(shape, np.uint8)

        def write(first: int, rows: np.ndarray) -> None:
            pixels[first : first + len(rows)] = rows

        skipped = decode_all(self.source, self.preprocessing, write, **options)
        return Store(np.delete(pixels, [bad.place for bad in skipped], axis=0) if skipped else pixels, skipped)

    def _in_cache(self, shape: tuple[int, int, int, int], options: dict[str, Any]) -> Store:
        def decode_into(descriptor: int) -> list[Skipped]:
            if absent := len(self.source.absent()):
                raise DataError(
                    f"{absent:,} of {len(self.source):,} pictures of {self.source.typed} are in shards that this "
                    "machine does not have, and the prepared cache holds all: copy the shards here. A training with "
                    "--no-cache (cache=False) needs those alone that the ranks of its machine read."
                )
            write = write_rows_to(descriptor, math.prod(shape[1:]))
            return decode_all(self.source, self.preprocessing, write, descriptor=descriptor, **options)

        folder = cache_folder(self.cache_dir)
        return open_or_make(folder, self.fingerprint, shape, decode_into, self.source.typed, self._readable_now)

    def _readable_now(self, indices: list[int]) -> bool:
        """Whether one of some pictures, which could not be read when the cache was made, can be read now."""
        payloads = self.source.read(np.array(indices, np.int64))
        parts = (payload if isinstance(payload, tuple) else (payload,) for payload in payloads)
        return any(not any(isinstance(part, Unreachable) for part in each) for each in parts)
