"""The tables of the JPEG standard (ITU-T T.81, Annex K) and the zig-zag order of a block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError

# K.1 and K.2: steps just below the threshold of visibility for each frequency, from experiments (Lohscheller 1984).
LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.int64,
)
CHROMINANCE = np.full((8, 8), 99, np.int64)
CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


def _zigzag() -> np.ndarray:
    """(64,): the row-major index in the block of each coefficient in file order (T.81, figure 5)."""
    rows, columns = np.divmod(np.arange(64), 8)
    diagonal = rows + columns
    # Diagonal by diagonal: odd ones downwards, even ones upwards.
    return np.lexsort((np.where(diagonal % 2, rows, columns), diagonal))


ZIGZAG = _zigzag()


def scaled_tables(quality: int) -> tuple[np.ndarray, np.ndarray]:
    """The luminance and chrominance tables of a quality from 1 to 100, int64 (8, 8) each, from 1 to 255.

    The Independent JPEG Group's rule, which nearly every program follows: 50 gives the tables as printed, 100 all
    ones. Raises `ConfigError` for another quality.
    """
    if not 1 <= quality <= 100:
        raise ConfigError(f"quality={quality}, but it is a whole number from 1 to 100.")
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    luminance, chrominance = (np.clip((table * percent + 50) // 100, 1, 255) for table in (LUMINANCE, CHROMINANCE))
    return luminance, chrominance


@dataclass(frozen=True)
class HuffmanTable:
    """A Huffman table in the form of a file: the number of codes of 1, 2 ... 16 bits, and the symbols in that order."""

    counts: tuple[int, ...]
    symbols: bytes


# K.3 to K.6. A DC symbol is the number of bits of the difference. An AC symbol is a run of zeros (high four bits) and
# the number of bits of the value after it.
DC_LUMINANCE = HuffmanTable((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), bytes(range(12)))
DC_CHROMINANCE = HuffmanTable((0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0), bytes(range(12)))
AC_LUMINANCE = HuffmanTable(
    (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125),
    bytes.fromhex(
        "0102030004110512213141061351610722711432 8191a1082342b1c11552d1f02433627282090a161718191a25262728"
        "292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a83848586878889"
        "8a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2"
        "e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
    ),
)
AC_CHROMINANCE = HuffmanTable(
    (0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119),
    bytes.fromhex(
        "0001020311040521310612415107617113223281 08144291a1b1c109233352f0156272d10a162434e125f11718191a26"
        "2728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a828384858687"
        "88898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9da"
        "e2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
    ),
)
