"""Encoding of quantised blocks to the bits of a scan: run lengths, Huffman codes, bit packing (T.81, F.1.2).

Vectorised: every code of the scan is looked up in arrays, and its position follows from a cumulative sum of lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.codecs.jpeg.frame import JPEGFrame, padded_blocks, to_units, unit_sizes
from imagewright.codecs.jpeg.huffman import ZERO_RUN, Codes
from imagewright.errors import DataError

MOST_BITS_OF_A_VALUE = 16
SIZES = np.ceil(np.log2(np.arange(1 << MOST_BITS_OF_A_VALUE) + 1)).astype(np.int64)  # bits of a magnitude


@dataclass(frozen=True)
class Words:
    """The code words of a scan: one for each DC difference, non-zero AC coefficient and end of a block."""

    bits: np.ndarray  # uint64 (S,)
    lengths: np.ndarray  # number of bits, int64 (S,)
    blocks: np.ndarray  # number of the block in the scan, int64 (S,)
    places: np.ndarray  # int64 (S,): 0 DC, 1 to 63 AC in zig-zag order, 64 the end of the block


def scan_order(coefficients: Sequence[np.ndarray], frame: JPEGFrame) -> tuple[np.ndarray, np.ndarray]:
    """The blocks of all planes in scan order, int16 (N B, 64) with DC differences, and their table numbers (N B,).

    coefficients: blocks of each plane of N pictures, int16 (N, rows, columns, 64). Each picture has a scan of its own.
    """
    alone = len(frame.components) == 1
    count = len(coefficients[0])
    parts = []
    for values, component in zip(coefficients, frame.components, strict=True):
        padded = _pad_blocks(values, *padded_blocks(frame, component, alone=alone), 1 if alone else component.across)
        # Whole units: pictures under each other have the units of the first, then those of the second.
        units = to_units(padded.reshape(-1, *padded.shape[2:]), component, alone=alone).copy()
        levels = units[..., 0].reshape(count, -1)
        units[..., 0] = np.diff(levels, prepend=levels.dtype.type(0)).reshape(units.shape[:2])
        parts.append(units)
    tables = np.repeat([each.table for each in frame.components], unit_sizes(frame.components))
    return np.concatenate(parts, axis=1).reshape(-1, 64), np.tile(tables, len(parts[0]))


def encode_words(blocks: np.ndarray, tables: np.ndarray, codes: Sequence[tuple[Codes, Codes]]) -> Words:
    """The code words of blocks.

    blocks: int16 (B, 64) in zig-zag order, with DC differences.
    tables: table number of each block, (B,).
    codes: (DC, AC) by table number.

    Raises `DataError` for a coefficient larger than baseline files can hold.
    """
    marks = np.empty((len(blocks), 65), np.int16)
    marks[:, 0] = 1  # every block has a DC code
    marks[:, 1:64] = blocks[:, 1:]
    marks[:, 64] = blocks[:, 63] == 0  # an end-of-block code, unless the last coefficient is not 0
    at = np.flatnonzero(marks)
    block, place = np.divmod(at, 65)
    is_first, is_last = place == 0, place == 64
    value = marks.ravel()[at].astype(np.int64)
    value[is_first] = blocks[:, 0]
    value[is_last] = 0
    run = np.diff(at, prepend=-1) - 1
    run[is_first | is_last] = 0

    size = SIZES[np.abs(value)]
    row = 2 * tables[block] + ~is_first
    symbol = (run & 15) << 4 | size
    flat = [each for pair in codes for each in pair]
    code, length = (np.stack([getattr(each, name) for each in flat]) for name in ("code", "length"))
    lengths = length[row, symbol]
    if not lengths.all():
        raise DataError("A coefficient is larger than a baseline JPEG file can hold: give pixels from 0 to 255.")
    bits = code[row, symbol] << size | value + np.where(value < 0, (1 << size) - 1, 0)
    lengths = lengths + size
    far = np.flatnonzero(run > 15)  # rare: up to three codes of 16 zeros precede the code
    for sixteens in (1, 2, 3):
        some = far[run[far] >= 16 * sixteens]
        bits[some] |= code[row[some], ZERO_RUN] << lengths[some]
        lengths[some] += length[row[some], ZERO_RUN]
    return Words(bits.view(np.uint64), lengths, block, place)


def pack_bits(words: Words) -> bytes:
    """The words concatenated and padded with ones; a zero byte is stuffed after each 0xFF (T.81, B.1.1.5)."""
    fill = -int(words.lengths.sum()) % 8
    data = _place_bits(np.append(words.bits, np.uint64((1 << fill) - 1)), np.append(words.lengths, fill))
    ones = data == 255
    stuffed = np.repeat(data, 1 + ones)
    stuffed[np.flatnonzero(ones) + np.arange(1, ones.sum() + 1)] = 0
    return stuffed.tobytes()


def count_bytes(words: Words, scans: int) -> np.ndarray:
    """The length of `pack_bits` of each of some scans of as many blocks, whose words follow each other: int64 (N,)."""
    each = (int(words.blocks[-1]) + 1) // scans
    ends = np.searchsorted(words.blocks, each * np.arange(1, scans + 1))
    bits = np.add.reduceat(words.lengths, np.append(0, ends[:-1]))
    fill = -bits % 8
    fills = (np.uint64(1) << fill.astype(np.uint64)) - np.uint64(1)
    data = _place_bits(np.insert(words.bits, ends, fills), np.insert(words.lengths, ends, fill))
    whole: np.ndarray = (bits + fill) // 8
    starts = np.cumsum(whole) - whole
    return whole + np.add.reduceat(data == 255, starts, dtype=np.int64)


def _place_bits(bits: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Words of so many bits each, one after the other, as bytes uint8; together they are whole bytes."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    word, offset = starts >> 6, starts & 63
    room = 64 - offset - lengths  # if negative, that many bits go into the next 64-bit word
    left = np.where(
        room >= 0, bits << np.maximum(room, 0).astype(np.uint64), bits >> np.maximum(-room, 0).astype(np.uint64)
    )
    first = np.flatnonzero(np.diff(word, prepend=-1))
    filled = np.zeros(int(ends[-1]) // 64 + 2, np.uint64)
    filled[word[first]] = np.bitwise_or.reduceat(left, first)
    over = np.flatnonzero(room < 0)  # at most one code word crosses each boundary
    filled[word[over] + 1] |= bits[over] << (64 + room[over]).astype(np.uint64)
    return np.frombuffer(filled.astype(">u8").tobytes(), np.uint8)[: int(ends[-1]) // 8]


def _pad_blocks(blocks: np.ndarray, rows: int, columns: int, across: int) -> np.ndarray:
    """Blocks (N, ..., 64) padded to whole units by flat blocks, each with the DC level of the block coded before."""
    count, height, width, _ = blocks.shape
    if (height, width) == (rows, columns):
        return blocks
    padded = np.zeros((count, rows, columns, 64), blocks.dtype)
    padded[:, :height, :width] = blocks
    padded[:, :height, width:, 0] = blocks[:, :, -1:, 0]
    last_of_units = padded[:, height - 1, across - 1 :: across, 0]  # of the row above, coded first in each unit
    padded[:, height:, :, 0] = last_of_units.repeat(across, axis=1)[:, None]
    return padded
