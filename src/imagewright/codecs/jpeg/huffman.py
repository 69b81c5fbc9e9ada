"""Huffman codes of a file's tables, as arrays: to write a symbol, and to know the symbol that 16 bits begin with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from imagewright.codecs.jpeg.tables import HuffmanTable
from imagewright.errors import DataError

NO_CODE = 0  # the length of a symbol, or of 16 bits, that has none
ZERO_RUN = 0xF0  # the AC symbol of 16 zeros in a row
# How many places an AC symbol moves on in its block. At 64 the block is full; an end leads past that, and so does a
# code that is none, or of a progressive file: how far says which.
TO_THE_END, NOWHERE = 128, 255


@dataclass(frozen=True)
class Codes:
    """For each symbol (256,): its code, int64, and the code's length in bits (`NO_CODE` where it has none)."""

    code: np.ndarray
    length: np.ndarray


@dataclass(frozen=True)
class Lookup:
    """For each 16 bits, uint8 (65536,): the symbol whose code they begin with, and the code's length (or `NO_CODE`);
    the bits of the code and of the value after it; the places that it moves on as an AC symbol."""

    symbol: np.ndarray
    length: np.ndarray
    taken: np.ndarray
    hops: np.ndarray


@lru_cache(maxsize=16)
def codes_of(table: HuffmanTable) -> Codes:
    """Code words in order of length, each the one before plus one (T.81, annex C).

    Raises `DataError` for a table with more codes of a length than there are, or with a symbol twice.
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
def lookup_of(table: HuffmanTable) -> Lookup:
    """What each 16 bits begin with. Raises `DataError` as `codes_of`."""
    codes = codes_of(table)
    known = np.frombuffer(table.symbols, np.uint8)
    spans = 1 << 16 - codes.length[known]  # how many of the 65536 begin with each code: they lie side by side
    symbol, length = np.zeros(1 << 16, np.uint8), np.full(1 << 16, NO_CODE, np.uint8)
    filled = int(spans.sum())
    symbol[:filled] = np.repeat(known, spans)
    length[:filled] = np.repeat(codes.length[known], spans)
    run, size = symbol >> 4, symbol & 15
    hops = run + np.uint8(1)
    hops[(size == 0) & (run < 15)] = NOWHERE
    hops[symbol == 0] = TO_THE_END
    hops[length == NO_CODE] = NOWHERE
    return Lookup(symbol, length, length + size, hops)
