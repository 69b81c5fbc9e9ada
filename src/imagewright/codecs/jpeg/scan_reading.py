"""Decoding of a scan's bits to quantised blocks, mostly vectorised.

The start of a Huffman code is known only after the code before it, which makes decoding sequential. Here the code that
*would* begin at each bit is looked up for all bits at once. The remaining sequential part walks from code to code with
two look-ups each; the values of all visited codes are then decoded at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.codecs.jpeg.huffman import END_OF_BLOCK, NO_CODE, Lookup, build_lookup
from imagewright.codecs.jpeg.markers import Scan, cut_short, damaged

CHUNK = 1 << 17  # bytes whose bits are looked up at once, so that memory does not grow with the file
MARGIN = 1 << 12  # bytes by which a unit may extend past a chunk: it has at most 10 blocks of 64 codes of 31 bits


@dataclass(frozen=True)
class ScanData:
    """The entropy-coded data of a scan."""

    data: np.ndarray  # uint8 (B,), without stuffed bytes and restart markers
    segments: np.ndarray  # int64 (S + 1,): the start of each restart interval in `data`, and the end
    after: int  # the place in the file of the marker after the scan


def extract_scan_data(content: bytes, scan: Scan, units: int) -> ScanData:
    """The data of a scan of `units` units. Raises `DataError` if its restart markers do not match its header."""
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
    keep[at[(following != 0)]] = False  # the 0xFF of a restart marker, or a fill byte before a marker
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


def decode_blocks(found: ScanData, scan: Scan, sizes: Sequence[int], units: int) -> np.ndarray:
    """The scan's blocks, int16 (units, blocks of a unit, 64), in zig-zag order, with absolute DC levels.

    sizes: blocks of a unit by plane.

    Raises `DataError` for invalid codes, or if there are too few of them.
    """
    if 8 * len(found.data) < 2 * units * sum(sizes):  # a block has at least two codes; checked before any allocation
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
    """Turn DC differences (units, blocks) of one plane into levels, in place, starting from 0 in each interval."""
    total = np.cumsum(levels.ravel(), dtype=np.int64).reshape(levels.shape)
    before = np.concatenate([[0], total[:, -1]])[: len(levels) : interval]
    total -= before.repeat(interval)[: len(levels), None]
    if np.abs(total).max() > np.iinfo(np.int16).max:
        raise damaged("its brightness runs out of range")
    levels[:] = total


class _Path:
    """The sequential walk through a scan from code to code, a chunk of its bytes at a time."""

    def __init__(self, found: ScanData, scan: Scan, sizes: Sequence[int], units: int) -> None:
        distinct = list(dict.fromkeys(scan.tables))  # Cb and Cr usually share their tables
        self.levels = [build_lookup(first) for first, _ in distinct]
        self.values = [build_lookup(other) for _, other in distinct]
        self.owner = np.repeat([distinct.index(pair) for pair in scan.tables], sizes)  # tables of each block of a unit
        self.total_bits = 8 * len(found.data)
        self.segments = (8 * found.segments).tolist()
        self.interval, self.units = scan.restart or units, units
        self.data = np.concatenate([found.data, np.zeros(MARGIN + 8, np.uint8)])
        self.unit, self.place = 0, 0  # the next unit, and the bit at which it begins

    def read_chunk(self, blocks: np.ndarray) -> None:
        """Decode the units that begin in the next chunk of bytes into `blocks`, with DC as differences."""
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
        """The bits of the chunk at which blocks start, and those at which AC codes start, both int64."""
        limit = min(8 * CHUNK, self.total_bits - first_bit)
        windows = _windows(chunk[: limit // 8 + MARGIN])
        moves = [
            (
                first.total_length[windows].tobytes(),
                other.advance[windows].tobytes(),
                other.total_length[windows].tobytes(),
            )
            for first, other in zip(self.levels, self.values, strict=True)
        ]
        pattern = [moves[number] for number in self.owner]
        starts: list[int] = []
        visited: list[int] = []
        start, visit = starts.append, visited.append
        place, unit = self.place - first_bit, self.unit
        boundary = min((unit // self.interval + 1) * self.interval, self.units)
        while place < limit:
            for level_bits, advance, value_bits in pattern:
                start(place)
                place += level_bits[place]
                at = 1
                while at < 64:
                    visit(place)
                    at += advance[place]
                    place += value_bits[place]
                if at != 64 and not END_OF_BLOCK < at < END_OF_BLOCK + 64:
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
        advance = (symbols >> 4) + 1
        advance[symbols == 0] = 0
        total = np.cumsum(advance)
        first = np.flatnonzero(np.diff(block, prepend=-1))  # each block has at least one AC code
        before = (total - advance)[first]
        at = total - before.repeat(np.diff(first, append=len(block)))
        has_value = (symbols & 15) != 0
        blocks[block[has_value], at[has_value]] = values[has_value]


def _windows(data: np.ndarray) -> np.ndarray:
    """The 16 bits from each bit on, uint16 (8 B - 16,), for data uint8 (B,)."""
    byte = data.astype(np.uint32)
    wide = byte[:-2] << 16 | byte[1:-1] << 8 | byte[2:]
    return (wide[:, None] >> np.arange(8, 0, -1, dtype=np.uint32)).astype(np.uint16).ravel()


def _codes_at(
    chunk: np.ndarray, lookups: list[Lookup], tables: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The symbols and the values of the codes that begin at some bits, int64.

    chunk: uint8 (B,).
    lookups: of all tables.
    tables: index of the look-up of each code.
    at: the bits at which the codes begin.
    """
    byte, shift = at >> 3, at & 7
    wide = np.zeros(len(at), np.int64)
    for step in range(5):  # a code and its value have at most 31 bits, and may begin inside a byte
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
