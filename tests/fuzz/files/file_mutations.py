"""Mutations of the bytes of files: what damage, cut transfers and people who look for faults do to them."""

from __future__ import annotations

import numpy as np

# Numbers at which lengths, offsets and counts overflow or are mistaken for something else.
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
TEXTS = (
    b"[" * 3000,
    b"{" * 3000,
    b"9" * 5000,
    b"(" * 200,
    b"\x1b[31m",
    b"\0" * 40,
    b"-1",
    b"NaN",
    b"1e999",
    b"\xff" * 9,
)


def mutate(content: bytes, seed: int) -> bytes:
    """The content with one to four changes that follow from the seed."""
    draws = np.random.default_rng(seed)
    data = bytearray(content)
    for _ in range(int(draws.integers(1, 5))):
        _CHANGES[int(draws.integers(len(_CHANGES)))](data, draws)
    return bytes(data)


def _place(data: bytearray, draws: np.random.Generator) -> int:
    """A place; half of the time in the first or last 100 bytes, where headers and directories are."""
    if not data:
        return 0
    kind, near = int(draws.integers(4)), int(draws.integers(min(100, len(data))))
    return near if kind == 0 else len(data) - 1 - near if kind == 1 else int(draws.integers(len(data)))


def _flip(data: bytearray, draws: np.random.Generator) -> None:
    if data:
        data[_place(data, draws)] ^= 1 << int(draws.integers(8))


def _set(data: bytearray, draws: np.random.Generator) -> None:
    if data:
        data[_place(data, draws)] = int(draws.integers(256))


def _number(data: bytearray, draws: np.random.Generator) -> None:
    place, width = _place(data, draws), int(draws.choice([1, 2, 4, 8]))
    order = "little" if draws.integers(2) else "big"
    value = EDGES[int(draws.integers(len(EDGES)))] % 256**width
    data[place : place + width] = value.to_bytes(width, order)[: max(0, len(data) - place)]


def _cut(data: bytearray, draws: np.random.Generator) -> None:
    del data[_place(data, draws) :]


def _remove(data: bytearray, draws: np.random.Generator) -> None:
    place = _place(data, draws)
    del data[place : place + int(draws.integers(1, 40))]


def _repeat(data: bytearray, draws: np.random.Generator) -> None:
    place, length = _place(data, draws), int(draws.integers(1, 60))
    data[place:place] = data[place : place + length] * int(draws.integers(1, 6))


def _insert(data: bytearray, draws: np.random.Generator) -> None:
    place = _place(data, draws)
    data[place:place] = TEXTS[int(draws.integers(len(TEXTS)))]


def _overwrite(data: bytearray, draws: np.random.Generator) -> None:
    place, noise = _place(data, draws), draws.integers(0, 256, int(draws.integers(1, 24)), np.uint8).tobytes()
    data[place : place + len(noise)] = noise


def _swap(data: bytearray, draws: np.random.Generator) -> None:
    one, other, length = _place(data, draws), _place(data, draws), int(draws.integers(1, 16))
    data[one : one + length], data[other : other + length] = data[other : other + length], data[one : one + length]


_CHANGES = (_flip, _set, _number, _cut, _remove, _repeat, _insert, _overwrite, _swap)
