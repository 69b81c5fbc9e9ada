"""One block of a picture's luminance at every stage of JPEG coding, with its numbers.

Every number comes from `codecs/jpeg`, the code that writes the files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.codecs.jpeg import dct
from imagewright.codecs.jpeg.codec import Coefficients
from imagewright.codecs.jpeg.scan_writing import Words
from imagewright.codecs.jpeg.tables import ZIGZAG


@dataclass(frozen=True)
class Symbol:
    """One symbol of a block: its place in zig-zag order, its meaning, its Huffman code and its value's bits."""

    place: int
    meaning: str
    code_bits: str
    value_bits: str


@dataclass(frozen=True, kw_only=True)
class Stages:
    """One block of the luminance at every stage, (8, 8) each unless said otherwise."""

    row: int  # of the block, counted in blocks
    column: int
    pixels: np.ndarray
    shifted: np.ndarray
    coefficients: np.ndarray
    table: np.ndarray
    quantised: np.ndarray
    zigzag: np.ndarray  # (64,), the quantised coefficients in the order of the file
    symbols: list[Symbol]
    rebuilt: np.ndarray

    @property
    def bit_count(self) -> int:
        """The bits of the block in the file."""
        return sum(len(symbol.code_bits) + len(symbol.value_bits) for symbol in self.symbols)

    @property
    def nonzero_count(self) -> int:
        """How many of the 64 coefficients are not 0 after quantisation."""
        return int((self.quantised != 0).sum())

    def to_dict(self) -> dict[str, object]:
        """The numbers that the lesson writes."""
        return {
            "row": self.row,
            "column": self.column,
            "pixels": self.pixels,
            "shifted": self.shifted,
            "dct": self.coefficients.round(3),
            "table": self.table,
            "quantised": self.quantised,
            "zigzag": self.zigzag,
            "symbols": [vars(symbol) for symbol in self.symbols],
            "bits": self.bit_count,
            "rebuilt": self.rebuilt,
        }


def compute_stages(grey: Tensor, coded: Coefficients, words: Words, row: int, column: int) -> Stages:
    """The stages of one block.

    grey: the picture, uint8 (1, H, W).
    coded: its quantised coefficients.
    words: its entropy-coded scan.
    row, column: of the block, counted in blocks.
    """
    rows, columns = coded.frame.blocks(coded.frame.components[0])
    padded = np.pad(grey[0].numpy(), ((0, rows * 8 - grey.shape[1]), (0, columns * 8 - grey.shape[2])), mode="edge")
    pixels = padded[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].astype(np.int64)
    zigzag = coded.planes[0][row, column].astype(np.int64)
    in_place = np.empty(64, np.int64)
    in_place[ZIGZAG] = zigzag
    quantised = in_place.reshape(8, 8)
    table = coded.tables[0]
    number = row * columns + column
    before = int(coded.planes[0].reshape(-1, 64)[number - 1, 0]) if number else 0
    rebuilt = dct.fixed_inverse_dct(torch.from_numpy(quantised * table)).add(128).clamp(0, 255).long().numpy()
    return Stages(
        row=row,
        column=column,
        pixels=pixels,
        shifted=pixels - 128,
        coefficients=dct.dct(torch.from_numpy(pixels - 128)).numpy(),
        table=table,
        quantised=quantised,
        zigzag=zigzag,
        symbols=decode_symbols(words, number, zigzag, before),
        rebuilt=rebuilt,
    )


def decode_symbols(words: Words, number: int, zigzag: np.ndarray, before: int) -> list[Symbol]:
    """The symbols of one block with their meaning.

    words: the entropy-coded scan.
    number: of the block in the scan.
    zigzag: its quantised coefficients, (64,).
    before: the DC level of the block before it.
    """
    own = np.flatnonzero(words.blocks == number)
    symbols = []
    last = 0
    for bits, length, place in zip(words.bits[own], words.lengths[own], words.places[own], strict=True):
        text = f"{int(bits):0{int(length)}b}"
        if place == 64:
            symbols.append(Symbol(64, "end of block", text, ""))
            continue
        value = int(zigzag[place]) - (before if place == 0 else 0)
        size = abs(value).bit_length()
        meaning = f"DC {value:+d} from {before}" if place == 0 else f"{place - last - 1} zeros, then {value:+d}"
        symbols.append(Symbol(int(place), meaning, text[: len(text) - size], text[len(text) - size :]))
        last = int(place)
    return symbols
