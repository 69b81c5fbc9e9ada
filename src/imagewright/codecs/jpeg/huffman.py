"""Huffman codes as arrays: the code of each symbol, and the symbol at the start of any 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from imagewright.codecs.jpeg.tables import HuffmanTable
from imagewright.errors import DataError

NO_CODE = 0  # length of a symbol without a code, and of 16 bits that begin with no code
ZERO_RUN = 0xF0  # the AC symbol of 16 zeros in a row
# `Lookup.advance` of the end of a block, and of an invalid code (also those of progressive files). Both lead past place
# 64, where a block is full; the distance tells them apart.
END_OF_BLOCK, INVALID = 128, 255


@dataclass(frozen=True)
class Codes:
    """The code of each of 256 symbols."""

    code: np.ndarray  # int64 (256,)
    length: np.ndarray  # in bits, int64 (256,); `NO_CODE` for a symbol without a code


@dataclass(frozen=True)
class Lookup:
    """The code at the start of any 16 bits, uint8 (65536,) each."""

    symbol: np.ndarray
    length: np.ndarray  # of the code in bits, or `NO_CODE`
    total_length: np.ndarray  # of the code and of the value after it, in bits
    advance: np.ndarray  # places in the block that it fills, if it is an AC symbol


@lru_cache(maxsize=16)
def build_codes(table: HuffmanTable) -> Codes:
    """The canonical code of a table (T.81, annex C).

    Raises `DataError` for a table with more codes of a length than there can be, or with a symbol twice.
    """
    code, length = np.zeros(256, np.int64), np.zeros(256, np.int64)
    word, place = 0, 0
    for bits, count in enumerate(table.counts, 1):
        word <<= 1
        if word + count > 1 << bits:
            raise DataError(f"The JPEG file is damaged: a Huffman table has too many codes of {bits} bits.")
        for symbol in table.symbols[place : place + count]:
            if length[symbol]:
                raise DataError(f"The JPEG file is damaged: a Huffman table names the symbol {symbol} twice.")
            code[symbol], length[symbol] = word, bits
            word += 1
        place += count
    return Codes(code, length)


@lru_cache(maxsize=16)
def build_lookup(table: HuffmanTable) -> Lookup:
    """The look-up of a table. Raises `DataError` as `build_codes`."""
    codes = build_codes(table)
    known = np.frombuffer(table.symbols, np.uint8)
    spans = 1 << 16 - codes.length[known]  # how many of the 65536 entries begin with each code; they are consecutive
    symbol, length = np.zeros(1 << 16, np.uint8), np.full(1 << 16, NO_CODE, np.uint8)
    filled = int(spans.sum())
    symbol[:filled] = np.repeat(known, spans)
    length[:filled] = np.repeat(codes.length[known], spans)
    run, size = symbol >> 4, symbol & 15
    advance = run + np.uint8(1)
    advance[(size == 0) & (run < 15)] = INVALID
    advance[symbol == 0] = END_OF_BLOCK
    advance[length == NO_CODE] = INVALID
    return Lookup(symbol, length, length + size, advance)
