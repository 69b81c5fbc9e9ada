"""A source at one recipe, and where its decoded pixels are: in memory or in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.files import cache_folder
from imagewright.images.cache.store import Skipped, Store, open_or_make, rows_into
from imagewright.images.decoding.decode_all import decode_all
from imagewright.images.decoding.preprocessing import Recipe
from imagewright.images.sources.arrays import ArraySource
from imagewright.images.sources.base import Source, digest

MEMORY_LIMIT = 2**26
"""Sets that are in memory already stay there, prepared, up to this many bytes (64 MiB)."""
RECIPE_VERSION = "1"


@dataclass
class Prepared:
    """A source at one recipe, and its decoded pixels once they are there. Subsets share it."""

    source: Source
    recipe: Recipe
    strict: bool
    cache_dir: str | Path | None
    cached: bool = True  # False: pictures are decoded as they are asked for, and nothing is opened here
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
        def decode_into(descriptor: int) -> list[Skipped]:
            write = rows_into(descriptor, int(np.prod(shape[1:])))
            return decode_all(self.source, self.recipe, write, descriptor=descriptor, **fill)

        return open_or_make(cache_folder(self.cache_dir), self.fingerprint, shape, decode_into, self.source.typed)
