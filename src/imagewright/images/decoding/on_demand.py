"""Decoding on demand: training on a set whose decoded pixels are too many for the disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from imagewright.errors import DataError
from imagewright.images import notices
from imagewright.images.decoding.decode_range import to_pixels
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.parallel import usable_cores
from imagewright.images.decoding.preprocessing import Preprocessing
from imagewright.images.sources.base import Source

Undecoded = list[tuple[int, str]]
"""(row of a batch, reason) for each picture that cannot be read."""


class Decoder:
    """Reads and decodes the pictures of one batch at a time, on all cores, and stores none.

    selection: which pictures of the source the set has, None for all. All numbers below are places in the set.
    strict: whether an unreadable picture raises `DataError`.
    """

    def __init__(
        self, source: Source, preprocessing: Preprocessing, selection: np.ndarray | None, *, strict: bool
    ) -> None:
        self.source, self.preprocessing, self.selection, self.strict = source, preprocessing, selection, strict
        self.unreadable: dict[int, str] = {}  # the reason for each unreadable picture met so far

    def decode(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pictures `numbers` on the canvas, uint8 (N, H, W, stored channels), and the numbers that were decoded.

        An unreadable picture is replaced by the next readable one of the set, so that a resumed training sees the same
        pictures. Raises `DataError` if `strict`, if the source is gone, or if no picture is left.
        """
        taken = np.array([self._next_readable(number) for number in numbers.tolist()], np.int64)
        pixels = np.empty((len(taken), *self.preprocessing.stored_shape), np.uint8)
        rows = np.arange(len(taken))
        while len(rows):
            rows = rows[np.argsort(self._in_source(taken[rows]), kind="stable")]  # in the order of the disk
            parts = np.array_split(rows, min(len(rows), usable_cores()))
            found = list(self._threads.map(lambda part: self._fill(pixels, taken, part), parts))
            failed = [row for undecoded in found for row in self._record_unreadable(taken, undecoded)]
            taken[failed] = [self._next_readable(int(taken[row])) for row in failed]
            rows = np.array(failed, np.int64)
        return pixels, taken

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(name, reason) of each picture that was replaced by another one so far."""
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
                pixels[row] = to_pixels(payload, self.preprocessing)
            except Unreadable as reason:
                undecoded.append((row, str(reason)))
        return undecoded

    def _record_unreadable(self, taken: np.ndarray, undecoded: Undecoded) -> list[int]:
        """Remember the reasons; returns the rows to fill with other pictures."""
        for row, reason in undecoded:
            number = int(taken[row])
            if self.strict:
                raise DataError(f"{self.source.typed}: {self._name(number)} cannot be read: {reason}.")
            self.unreadable[number] = reason
            notices.add_unreadable(self.source.typed, [(self._name(number), reason)])
        return [row for row, _ in undecoded]

    def _next_readable(self, number: int) -> int:
        """The first picture from `number` on, round the set, that is not known to be unreadable."""
        length = len(self.source) if self.selection is None else len(self.selection)
        for step in range(length):
            if (number + step) % length not in self.unreadable:
                return (number + step) % length
        raise DataError(f"No picture chosen of {self.source.typed} can be read.")
