"""Derived seeds: each random number of a run follows from one seed and its purpose."""

from __future__ import annotations

import hashlib
import struct

from imagewright.errors import UserError


def derive_seed(seed: int, *purpose: int | str) -> int:
    """A 63-bit seed for one purpose: `derive_seed(seed, "step", 17)`. Equal arguments give equal seeds on any machine.

    A resumed run then needs no stored generator state: step 17 has the random numbers of an uninterrupted run.
    Raises `UserError` for a seed that does not fit into 64 bits.
    """
    if not -(2**63) <= seed < 2**63:
        raise UserError(f"seed={seed}, but it must be a whole number of 64 bits, from -2**63 to 2**63 - 1.")
    digest = hashlib.blake2b(struct.pack("<q", seed), digest_size=8)
    for part in purpose:
        digest.update(b"\x00" + (part.encode() if isinstance(part, str) else struct.pack("<q", part)))
    return int.from_bytes(digest.digest(), "little") >> 1
