"""The bits of a scan back to quantised blocks, almost without a loop.

Where a Huffman code begins is only known when the one before it is read, so that decoders go bit by bit. Here the
code that *would* begin at each bit is looked up for all bits at once; what is left to do in order is to hop from code
to code, two look-ups each. The values are then taken at all places of the path at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.codecs.jpeg.huffman import NO_CODE, TO_THE_END, Lookup, lookup_of
from imagewright.codecs.jpeg.markers import Scan, cut_short, damaged

CHUNK = 1 << 17  # bytes whose bits are looked up at once: memory does not grow with the file
MARGIN = 1 << 12  # bytes that a unit may reach over the end of a chunk: it has at most 10 blocks of 64 codes of 31 bits


@dataclass(frozen=True)
class ScanData:
    """A scan's bytes without stuffing and restart markers, `segments` (S + 1,): where each interval begins, and the
    end; and the place in the file of the marker after it."""

    data: np.ndarray
    segments: np.ndarray
    after: int


def scan_data(content: bytes, scan: Scan, units: int) -> ScanData:
    """The data of a scan of so many units. Raises `DataError` where its restart markers are not as announced."""
    raw = np.frombuffer(content, np.uint8)[scan.start :]
    at = np.flatnonzero(raw[:-1] == 0xFF)
    following = raw[at + 1]
    is_restart = (following & 0xF8) == 0xD0
    ends = at[(following != 0) & (following != 0xFF) & ~is_restart]
    if not len(ends):
        raise cut_short("its data has no end")
    raw = raw[: ends[0]]
    keep = np.ones(len(raw), bool)
    inside = at < len(raw)
    at, following, is_restart = at[inside], following[inside], is_restart[inside]
    keep[at[following == 0] + 1] = False
    keep[at[(following != 0)]] = False  # the 0xFF of a restart marker, or one that fills up before a marker
    restarts = at[is_restart]
    keep[restarts + 1] = False
    expected = -(-units // scan.restart) - 1 if scan.restart else 0
    if len(restarts) != expected:
        raise damaged(f"its data has {len(restarts)} restart markers, and {expected} were expected")
    if (following[is_restart] != 0xD0 + np.arange(expected) % 8).any():
        raise damaged("its restart markers are out of order")
    place = np.cumsum(keep) - keep
    data = raw[keep]
    return ScanData(data, np.array([0, *place[restarts], len(data)], np.int64), scan.start + int(ends[0]))


def read_blocks(found: ScanData, scan: Scan, sizes: Sequence[int], units: int) -> np.ndarray:
    """The scan's blocks, int16 (units, blocks of a unit, 64), in zig-zag order, DC as differences undone.

    `sizes`: the blocks of a unit by plane. Raises `DataError` for bits that are no codes, or for too few of them.
    """
    if 8 * len(found.data) < 2 * units * sum(sizes):  # each block has two codes at least: nothing is allocated before
        raise cut_short("its data is too little for its size")
    path = _Path(found, scan, sizes, units)
    blocks = np.zeros((units * sum(sizes), 64), np.int16)
    while path.unit < units:
        path.read_chunk(blocks)
    whole = blocks.reshape(units, sum(sizes), 64)
    first = 0
    for size in sizes:
        _add_up(whole[:, first : first + size, 0], scan.restart or units)
        first += size
    return whole


def _add_up(levels: np.ndarray, interval: int) -> None:
    """DC differences (units, blocks) of one plane to the levels themselves, in place, from 0 in each interval."""
    total = np.cumsum(levels.ravel(), dtype=np.int64).reshape(levels.shape)
    before = np.concatenate([[0], total[:, -1]])[: len(levels) : interval]
    total -= before.repeat(interval)[: len(levels), None]
    if np.abs(total).max() > np.iinfo(np.int16).max:
        raise damaged("its brightness runs out of range")
    levels[:] = total


class _Path:
    """The way through a scan from code to code, a chunk of its bytes at a time."""

    def __init__(self, found: ScanData, scan: Scan, sizes: Sequence[int], units: int) -> None:
        distinct = list(dict.fromkeys(scan.tables))  # Cb and Cr usually share theirs
        self.levels = [lookup_of(first) for first, _ in distinct]
        self.values = [lookup_of(other) for _, other in distinct]
        self.owner = np.repeat([distinct.index(pair) for pair in scan.tables], sizes)  # a block's tables, in a unit
        self.total_bits = 8 * len(found.data)
        self.segments = (8 * found.segments).tolist()
        self.interval, self.units = scan.restart or units, units
        self.data = np.concatenate([found.data, np.zeros(MARGIN + 8, np.uint8)])
        self.unit, self.place = 0, 0  # what comes next, and the bit where it begins

    def read_chunk(self, blocks: np.ndarray) -> None:
        """Read the units that begin in the next chunk of bytes: their DC differences, and values at their places."""
        if self.place >= self.total_bits:
            raise cut_short("its data ends before the picture does")
        byte = self.place // 8
        chunk = self.data[byte : byte + CHUNK + MARGIN + 8]
        done = self.unit * len(self.owner)
        starts, visited = self._walk(chunk, 8 * byte)
        part = blocks[done : done + len(starts)]
        tables = np.tile(self.owner, len(starts) // len(self.owner))
        symbols, part[:, 0] = _codes_at(chunk, self.levels, tables, starts)
        if (symbols > 15).any():
            raise damaged("a brightness has more than 15 bits")
        self._place_values(chunk, tables, starts, visited, part)

    def _walk(self, chunk: np.ndarray, first_bit: int) -> tuple[np.ndarray, np.ndarray]:
        """The bits of the chunk where blocks start, and those where AC codes start, both int64."""
        limit = min(8 * CHUNK, self.total_bits - first_bit)
        windows = _windows(chunk[: limit // 8 + MARGIN])
        moves = [
            (first.taken[windows].tobytes(), other.hops[windows].tobytes(), other.taken[windows].tobytes())
            for first, other in zip(self.levels, self.values, strict=True)
        ]
        pattern = [moves[number] for number in self.owner]
        starts: list[int] = []
        visited: list[int] = []
        start, visit = starts.append, visited.append
        place, unit = self.place - first_bit, self.unit
        boundary = min((unit // self.interval + 1) * self.interval, self.units)
        while place < limit:
            for level_bits, hops, value_bits in pattern:
                start(place)
                place += level_bits[place]
                at = 1
                while at < 64:
                    visit(place)
                    at += hops[place]
                    place += value_bits[place]
                if at != 64 and not TO_THE_END < at < TO_THE_END + 64:
                    raise damaged("its data holds bits that are no code")
            unit += 1
            if unit == boundary:
                end = self.segments[-(-unit // self.interval)] - first_bit
                if place > end:
                    raise cut_short("its data ends before the picture does")
                if unit == self.units:
                    break
                place, boundary = end, min(boundary + self.interval, self.units)
        self.unit, self.place = unit, place + first_bit
        return np.array(starts, np.int64), np.array(visited, np.int64)

    def _place_values(
        self, chunk: np.ndarray, tables: np.ndarray, starts: np.ndarray, visited: np.ndarray, blocks: np.ndarray
    ) -> None:
        block = np.searchsorted(starts, visited, side="right") - 1
        symbols, values = _codes_at(chunk, self.values, tables[block], visited)
        hops = (symbols >> 4) + 1
        hops[symbols == 0] = 0
        total = np.cumsum(hops)
        first = np.flatnonzero(np.diff(block, prepend=-1))  # each block has one AC code at least
        before = (total - hops)[first]
        at = total - before.repeat(np.diff(first, append=len(block)))
        has_value = (symbols & 15) != 0
        blocks[block[has_value], at[has_value]] = values[has_value]


def _windows(data: np.ndarray) -> np.ndarray:
    """The 16 bits that begin at each bit, uint16 (8 B - 16,)."""
    byte = data.astype(np.uint32)
    wide = byte[:-2] << 16 | byte[1:-1] << 8 | byte[2:]
    return (wide[:, None] >> np.arange(8, 0, -1, dtype=np.uint32)).astype(np.uint16).ravel()


def _codes_at(
    chunk: np.ndarray, lookups: list[Lookup], tables: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The symbols and the values of the codes at some bits, int64: `tables` says by whose look-up."""
    byte, shift = at >> 3, at & 7
    wide = np.zeros(len(at), np.int64)
    for step in range(5):  # a code and its value have 31 bits at most, and begin within a byte
        wide = wide << 8 | chunk[byte + step]
    window = wide >> 24 - shift & 0xFFFF
    symbol, length = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
    for number, lookup in enumerate(lookups):
        own = tables == number
        symbol[own], length[own] = lookup.symbol[window[own]], lookup.length[window[own]]
    if (length == NO_CODE).any():
        raise damaged("its data holds bits that are no code")
    size = symbol & 15
    value = wide >> 40 - shift - length - size & (1 << size) - 1
    return symbol, np.where(value < 1 << size >> 1, value - (1 << size) + 1, value)
