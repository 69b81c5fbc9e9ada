"""Pictures decoded when they are asked for: training on a set whose decoded pixels are too many for the disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from imagewright.errors import DataError
from imagewright.images.decoding.decode_range import to_pixels
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.parallel import usable_cores
from imagewright.images.decoding.preprocessing import Recipe
from imagewright.images.sources.base import Source

Undecoded = list[tuple[int, str]]
"""Rows of a batch whose picture cannot be read, each with the reason."""


class Decoder:
    """Reads and decodes some pictures of a set at a time, on all cores, and keeps none.

    `selection`: which pictures of the source the set is, None for all. Numbers below are places in the set.
    """

    def __init__(self, source: Source, recipe: Recipe, selection: np.ndarray | None, *, strict: bool) -> None:
        self.source, self.recipe, self.selection, self.strict = source, recipe, selection, strict
        self.unreadable: dict[int, str] = {}  # with the reason: found as they are asked for

    def decode(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pictures `numbers` on the recipe's canvas, uint8 (N, H, W, C), and the numbers of those they are.

        They differ where a picture cannot be read: the next one of the set stands in for it, so that a resumed
        training sees the same. Raises `DataError` with `strict`, where the source is gone, or where nothing is left.
        """
        taken = np.array([self._standing_in(number) for number in numbers.tolist()], np.int64)
        pixels = np.empty((len(taken), *self.recipe.canvas, self.recipe.channels), np.uint8)
        rows = np.arange(len(taken))
        while len(rows):
            rows = rows[np.argsort(self._in_source(taken[rows]), kind="stable")]  # as they lie on the disk
            parts = np.array_split(rows, min(len(rows), usable_cores()))
            found = list(self._threads.map(lambda part: self._fill(pixels, taken, part), parts))
            failed = [row for undecoded in found for row in self._noted(taken, undecoded)]
            taken[failed] = [self._standing_in(int(taken[row])) for row in failed]
            rows = np.array(failed, np.int64)
        return pixels, taken

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """Name and reason of each picture that another one stood in for so far."""
        return [(self._name(number), reason) for number, reason in sorted(self.unreadable.items())]

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(usable_cores(), "imagewright-decode")

    def _in_source(self, numbers: np.ndarray) -> np.ndarray:
        return numbers if self.selection is None else self.selection[numbers]

    def _name(self, number: int) -> str:
        return self.source.name(int(self._in_source(np.array([number]))[0]))

    def _fill(self, pixels: np.ndarray, taken: np.ndarray, rows: np.ndarray) -> Undecoded:
        undecoded: Undecoded = []
        for row, payload in zip(rows.tolist(), self.source.read(self._in_source(taken[rows])), strict=True):
            try:
                pixels[row] = to_pixels(payload, self.recipe)
            except Unreadable as reason:
                undecoded.append((row, str(reason)))
        return undecoded

    def _noted(self, taken: np.ndarray, undecoded: Undecoded) -> list[int]:
        for row, reason in undecoded:
            number = int(taken[row])
            if self.strict:
                raise DataError(f"{self.source.typed}: {self._name(number)} cannot be read: {reason}.")
            self.unreadable[number] = reason
        return [row for row, _ in undecoded]

    def _standing_in(self, number: int) -> int:
        length = len(self.source) if self.selection is None else len(self.selection)
        for step in range(length):
            if (number + step) % length not in self.unreadable:
                return (number + step) % length
        raise DataError(f"No picture chosen of {self.source.typed} can be read.")
