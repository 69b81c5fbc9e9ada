"""The discrete cosine transform of 8x8 blocks: orthonormal in float64, and in the fixed-point arithmetic of files.

T.81, A.3.3 defines the transform and leaves its rounding open. The encoder and decoder here round as nearly every
program does: the flow graph of Loeffler, Ligtenberg & Moschytz 1989 ("Practical fast 1-D DCT algorithms with 11
multiplications", figure 1) with factors of 13 bits, rows and columns each rounded once. Within one pass nothing is
rounded, so that it is a product with an integer matrix, which float64 computes exactly.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

FRACTION_BITS = 13  # of the factors
GUARD_BITS = 2  # additional fraction bits between the two passes
SCALE = 8  # the fixed-point transform's coefficients are this many times the orthonormal ones


@cache
def dct_matrix() -> Tensor:
    """The orthonormal DCT-II, float64 (8, 8): row k is the cosine of frequency k."""
    frequency, place = torch.arange(8, dtype=torch.float64)[:, None], torch.arange(8, dtype=torch.float64)
    matrix = torch.cos((2 * place + 1) * frequency * math.pi / 16) / 2
    matrix[0] = math.sqrt(1 / 8)
    return matrix


def dct(blocks: Tensor) -> Tensor:
    """The orthonormal two-dimensional DCT of blocks (..., 8, 8), in float64 (T.81, A.3.3)."""
    return dct_matrix() @ blocks.double() @ dct_matrix().T


def inverse_dct(coefficients: Tensor) -> Tensor:
    """The blocks (..., 8, 8) of orthonormal coefficients (..., 8, 8), in float64."""
    return dct_matrix().T @ coefficients.double() @ dct_matrix()


def basis_pictures() -> Tensor:
    """The 64 basis functions as pictures, float64 (8, 8, 8, 8), by vertical and horizontal frequency."""
    return torch.einsum("vy,hx->vhyx", dct_matrix(), dct_matrix())


def fixed_dct(samples: Tensor) -> Tensor:
    """`SCALE` times the DCT of integer blocks (..., 8, 8), rounded to integers, as float64. Rows first."""
    matrix = _fixed_matrix(samples.device)
    rows = _rounded(samples.double() @ matrix.T, FRACTION_BITS - GUARD_BITS)
    return _rounded(matrix @ rows, FRACTION_BITS + GUARD_BITS)


def fixed_inverse_dct(coefficients: Tensor) -> Tensor:
    """The samples of integer orthonormal coefficients (..., 8, 8), rounded to integers, as float64. Columns first."""
    matrix = _fixed_matrix(coefficients.device)
    columns = _rounded(matrix.T @ coefficients.double(), FRACTION_BITS - GUARD_BITS)
    return _rounded(columns @ matrix, FRACTION_BITS + GUARD_BITS + 3)  # 3 bits: each pass scales by sqrt(8)


def _rounded(values: Tensor, bits: int) -> Tensor:
    """Integers divided by 2^bits and rounded, halves up."""
    return values.add_(2.0 ** (bits - 1)).mul_(2.0**-bits).floor_()


@cache
def _fixed_matrix(device: torch.device) -> Tensor:
    """The flow graph as one integer matrix (8, 8), about 2^13 sqrt(8) times the orthonormal DCT.

    Sums of opposite samples give the even frequencies and differences the odd ones. Each odd output adds one product of
    its own to products that several outputs share, hence factors such as `c1 + c3 - c5 - c7`.
    """
    cosine = {k: math.sqrt(2) * math.cos(k * math.pi / 16) for k in range(1, 8)}

    def factor(*signed: int) -> int:
        return round(2**FRACTION_BITS * sum(math.copysign(cosine[abs(k)], k) for k in signed))

    def shared(*members: int) -> Tensor:
        ones = torch.zeros(4, dtype=torch.float64)
        ones[list(members)] = 1
        return torch.outer(ones, ones)

    odd = torch.diag(
        torch.tensor([factor(1, 3, -5, -7), factor(1, 3, 5, -7), factor(1, 3, -5, 7), factor(-1, 3, 5, -7)])
    )
    odd = odd + factor(3) * shared(0, 1, 2, 3) - factor(3, -7) * shared(0, 3) - factor(1, 3) * shared(1, 2)
    odd = odd - factor(3, -5) * shared(0, 2) - factor(3, 5) * shared(1, 3)
    own_2, own_6, both = factor(2, -6), -factor(2, 6), factor(6)
    one = 2**FRACTION_BITS
    even = torch.tensor(
        [
            [one, one, one, one],
            [own_2 + both, both, -both, -own_2 - both],
            [one, -one, -one, one],
            [both, own_6 + both, -own_6 - both, -both],
        ],
        dtype=torch.float64,
    )
    matrix = torch.empty(8, 8, dtype=torch.float64)
    matrix[0::2] = torch.cat([even, even.flip(1)], dim=1)
    matrix[1::2] = torch.cat([odd, -odd.flip(1)], dim=1)
    return matrix.to(device)
