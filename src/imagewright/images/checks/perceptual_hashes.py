"""Perceptual hashes: 64 bits that stay nearly the same when a picture is resized, recompressed or brightened.

The signs of the lowest cosine coefficients but the mean's, at 32x32 grey pixels (after Zauner 2010, "Implementation and
benchmarking of perceptual image hash functions", which compares with the median instead). Looked up by distance through
tables of quarters: two words that differ in at most 7 bits agree to one bit in at least one of their four quarters
(multi-index hashing, Norouzi et al. 2012).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image
from scipy.fft import dct

from imagewright.images.decoding.formats import with_channels

SIDE = 32
MOST_BITS = 7
QUARTERS = 4
WINDOWS = ((1.0, 0.5, 0.5), *((0.95, y, x) for y in (0.0, 1.0) for x in (0.0, 1.0)), (0.95, 0.5, 0.5), (0.9, 0.5, 0.5))
"""What is hashed: a share of the sides, and where that window lies from 0 (top, left) to 1. The first is all of it."""
FLAT = 2.0  # grey levels of standard deviation: below, rounding decides the hash
CROWDED = 1000  # hashes that share a quarter: where more do, only quarters that are equal are followed


def small_picture(image: Image.Image) -> np.ndarray:
    """A picture in grey at 32x32, uint8, whatever its aspect."""
    return np.asarray(with_channels(image, 1).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def hashes_of(small: np.ndarray) -> np.ndarray:
    """The hash of each window of small pictures (N, 32, 32): uint64 (N, W). Brightness and contrast do not matter."""
    pixels = small.astype(np.float32)
    found = np.empty((len(small), len(WINDOWS)), np.uint64)
    for number, (share, down, across) in enumerate(WINDOWS):
        rows, columns = (_window_matrix(share, place) for place in (down, across))
        found[:, number] = _signs(rows @ pixels @ columns.T)
    return found


def is_flat(small: np.ndarray) -> np.ndarray:
    """Which small pictures (N, 32, 32) have too little in them to be told apart, bool (N,)."""
    return small.std(axis=(1, 2)) < FLAT


def _window_matrix(share: float, place: float) -> np.ndarray:
    """(32, 32): interpolates linearly a window of that share of 32 pixels, enlarged to 32 again."""
    start = (1 - share) * SIDE * place
    positions = (start + (np.arange(SIDE) + 0.5) * share - 0.5).clip(0, SIDE - 1)
    lower = np.minimum(positions.astype(int), SIDE - 2)
    matrix = np.zeros((SIDE, SIDE), np.float32)
    matrix[np.arange(SIDE), lower] = 1 - (positions - lower)
    matrix[np.arange(SIDE), lower + 1] += positions - lower
    return matrix


def _signs(pixels: np.ndarray) -> np.ndarray:
    """The signs of the lowest 8 x 8 cosine coefficients, the next one of the diagonal in place of the mean; uint64."""
    waves = dct(dct(pixels, axis=1)[:, :9], axis=2)[:, :, :9]
    lowest = waves[:, :8, :8].reshape(len(pixels), 64).copy()
    lowest[:, 0] = waves[:, 8, 8]
    return np.packbits(lowest > 0, axis=1).view(np.uint64)[:, 0]


class HashTable:
    """Hashes uint64 (N,) to look up by distance: for each quarter of 16 bits, their places ordered by its value."""

    def __init__(self, hashes: np.ndarray) -> None:
        self.hashes = hashes
        self._orders, self._starts = [], []
        for quarter in range(QUARTERS):
            values = _quarter(hashes, quarter)
            self._orders.append(np.argsort(values, kind="stable").astype(np.int32))
            self._starts.append(np.concatenate(([0], np.cumsum(np.bincount(values, minlength=1 << 16)))))

    def near(self, queries: np.ndarray, *, thorough: bool) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(queries, places, bits): pairs within `MOST_BITS` of each other, in pieces; a pair may come more than once.

        `thorough` finds all of them; else those with an equal quarter: all up to three bits, and most of the others.
        """
        for quarter in range(QUARTERS):
            order, starts = self._orders[quarter], self._starts[quarter]
            own = _quarter(queries, quarter)
            yield from self._compared(queries, order, starts[own], starts[own + 1])
            for flip in 1 << np.arange(16) if thorough else ():
                first, last = starts[own ^ flip], starts[(own ^ flip) + 1]
                yield from self._compared(queries, order, first, np.where(last - first > CROWDED, first, last))

    def _compared(
        self, queries: np.ndarray, order: np.ndarray, first: np.ndarray, last: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        ends = np.cumsum(last - first)
        start = 0
        while start < len(queries):
            done = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, done + 2**22, side="right")))
            lengths = (last - first)[start:stop]
            asked = np.repeat(np.arange(start, stop), lengths)
            offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            places = order[np.repeat(first[start:stop], lengths) + offsets]
            bits = _bits_set(queries[asked] ^ self.hashes[places])
            near = bits <= MOST_BITS
            yield asked[near], places[near], bits[near]
            start = stop


def _quarter(hashes: np.ndarray, number: int) -> np.ndarray:
    return ((hashes >> np.uint64(16 * number)) & np.uint64(0xFFFF)).astype(np.int64)


def _bits_set(words: np.ndarray) -> np.ndarray:
    """How many bits are set in each uint64: sums in pairs, fours and bytes, then of the bytes by one product."""
    one, two, four = (np.uint64(mask) for mask in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F))
    words = words - ((words >> np.uint64(1)) & one)
    words = (words & two) + ((words >> np.uint64(2)) & two)
    words = (words + (words >> np.uint64(4))) & four
    return ((words * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)
