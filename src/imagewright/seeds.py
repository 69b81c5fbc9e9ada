"""Derived seeds: each random number of a run follows from one seed and its purpose."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator

from imagewright.errors import UserError


def derive_seed(seed: int, *purpose: int | str) -> int:
    """A 63-bit seed for one purpose: `derive_seed(seed, "step", 17)`. Equal arguments give equal seeds on any machine.

    A resumed run then needs no stored generator state: step 17 has the random numbers of an uninterrupted run.
    Raises `UserError` for a seed that does not fit into 64 bits.
    """
    return _to_seed(_digest(seed, purpose))


def derive_seeds(seed: int, *purpose: int | str, numbers: Iterable[int]) -> Iterator[int]:
    """`derive_seed(seed, *purpose, number)` of each number, at a fraction of the cost."""
    before, pack = _digest(seed, purpose), struct.Struct("<xq").pack  # x: the zero byte before each part
    for number in numbers:
        digest = before.copy()
        digest.update(pack(number))
        yield _to_seed(digest)


def _digest(seed: int, purpose: tuple[int | str, ...]) -> hashlib.blake2b:
    if not -(2**63) <= seed < 2**63:
        raise UserError(f"seed={seed}, but it must be a whole number of 64 bits, from -2**63 to 2**63 - 1.")
    digest = hashlib.blake2b(struct.pack("<q", seed), digest_size=8)
    for part in purpose:
        digest.update(b"\x00" + (part.encode() if isinstance(part, str) else struct.pack("<q", part)))
    return digest


def _to_seed(digest: hashlib.blake2b) -> int:
    return int.from_bytes(digest.digest(), "little") >> 1
