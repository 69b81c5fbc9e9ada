"""Perceptual hashes: 64 bits that stay nearly the same when a picture is resized, recompressed or brightened.

The bits are the signs of the lowest cosine coefficients of the picture in grey at 32x32, without the mean's (after
Zauner 2010, "Implementation and benchmarking of perceptual image hash functions", which compares with the median
instead). Near hashes are found through tables of quarters: if two hashes differ in at most 7 bits, then one at least of
their four quarters differs in at most one bit (multi-index hashing, Norouzi et al. 2012).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from imagewright.images.decoding.formats import with_channels

SIDE = 32
MOST_BITS = 7
QUARTERS = 4
WINDOWS = ((1.0, 0.5, 0.5), *((0.95, y, x) for y in (0.0, 1.0) for x in (0.0, 1.0)), (0.95, 0.5, 0.5), (0.9, 0.5, 0.5))
"""The windows that are hashed: the share of the sides, then the vertical and horizontal place from 0 (top, left) to 1.
The first window is the whole picture."""
FLAT = 2.0  # standard deviation in grey levels below which rounding decides the hash
CROWDED = 1000  # if more hashes than this share a quarter, only equal quarters are compared


def small_picture(image: Image.Image) -> np.ndarray:
    """A picture in grey at 32x32, uint8, whatever its aspect."""
    return np.asarray(with_channels(image, 1).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def compute_hashes(small: np.ndarray) -> np.ndarray:
    """The hash of each window of small pictures (N, 32, 32): uint64 (N, W), whatever their brightness and contrast."""
    pixels = small.astype(np.float32)
    found = np.empty((len(small), len(WINDOWS)), np.uint64)
    for number, (share, down, across) in enumerate(WINDOWS):
        rows, columns = (_window_matrix(share, place) for place in (down, across))
        found[:, number] = _signs(rows @ pixels @ columns.T)
    return found


def is_flat(small: np.ndarray) -> np.ndarray:
    """Which small pictures (N, 32, 32) have too little contrast for a hash, bool (N,)."""
    return small.std(axis=(1, 2)) < FLAT


def _window_matrix(share: float, place: float) -> np.ndarray:
    """(32, 32): linear interpolation that enlarges a window of `share` of 32 pixels to 32 pixels."""
    start = (1 - share) * SIDE * place
    positions = (start + (np.arange(SIDE) + 0.5) * share - 0.5).clip(0, SIDE - 1)
    lower = np.minimum(positions.astype(int), SIDE - 2)
    matrix = np.zeros((SIDE, SIDE), np.float32)
    matrix[np.arange(SIDE), lower] = 1 - (positions - lower)
    matrix[np.arange(SIDE), lower + 1] += positions - lower
    return matrix


def _signs(pixels: np.ndarray) -> np.ndarray:
    """The signs of the lowest 8 x 8 cosine coefficients, with coefficient (8, 8) instead of the mean: uint64 (N,)."""
    from scipy.fft import dct  # imported here, since every process that decodes pictures imports this file

    waves = dct(dct(pixels, axis=1)[:, :9], axis=2)[:, :, :9]
    lowest = waves[:, :8, :8].reshape(len(pixels), 64).copy()
    lowest[:, 0] = waves[:, 8, 8]
    return np.packbits(lowest > 0, axis=1).view(np.uint64)[:, 0]


class HashTable:
    """Hashes uint64 (N,), searched by distance: for each quarter of 16 bits, their places in the order of its value."""

    def __init__(self, hashes: np.ndarray) -> None:
        self.hashes = hashes
        self._orders, self._starts = [], []
        for quarter in range(QUARTERS):
            values = _quarter(hashes, quarter)
            self._orders.append(np.argsort(values, kind="stable").astype(np.int32))
            self._starts.append(np.concatenate(([0], np.cumsum(np.bincount(values, minlength=1 << 16)))))

    def near(self, queries: np.ndarray, *, thorough: bool) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Pairs that differ in at most `MOST_BITS` bits, in pieces; a pair may come more than once.

        queries: uint64 (M,).
        thorough: True finds all pairs; False finds pairs with an equal quarter: all pairs that differ in up to three
            bits, and most of the others.
        Yields (places in `queries`, places in the table, differing bits).
        """
        for quarter in range(QUARTERS):
            order, starts = self._orders[quarter], self._starts[quarter]
            own = _quarter(queries, quarter)
            yield from self._compare(queries, order, starts[own], starts[own + 1])
            for flip in 1 << np.arange(16) if thorough else ():
                first, last = starts[own ^ flip], starts[(own ^ flip) + 1]
                yield from self._compare(queries, order, first, np.where(last - first > CROWDED, first, last))

    def _compare(
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
            bits = _count_bits(queries[asked] ^ self.hashes[places])
            near = bits <= MOST_BITS
            yield asked[near], places[near], bits[near]
            start = stop


def _quarter(hashes: np.ndarray, number: int) -> np.ndarray:
    return ((hashes >> np.uint64(16 * number)) & np.uint64(0xFFFF)).astype(np.int64)


def _count_bits(words: np.ndarray) -> np.ndarray:
    """How many bits are set in each uint64: sums of pairs, fours and bytes, then one product adds up the bytes."""
    one, two, four = (np.uint64(mask) for mask in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F))
    words = words - ((words >> np.uint64(1)) & one)
    words = (words & two) + ((words >> np.uint64(2)) & two)
    words = (words + (words >> np.uint64(4))) & four
    return ((words * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)
