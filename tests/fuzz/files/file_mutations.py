"""Mutations of the bytes of files: what damage, cut transfers and people who look for faults do to them."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable

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
    """The content with one to four changes that follow from the seed; those of odd seeds are inside what is packed."""
    draws = np.random.default_rng(seed)
    inside = next((change for start, change in _PACKED if content.startswith(start)), None)
    return inside(content, draws) if inside is not None and seed % 2 else _changed(content, draws)


def _changed(content: bytes, draws: np.random.Generator) -> bytes:
    data = bytearray(content)
    for _ in range(int(draws.integers(1, 5))):
        _CHANGES[int(draws.integers(len(_CHANGES)))](data, draws)
    return bytes(data)


def _in_zip(content: bytes, draws: np.random.Generator) -> bytes:
    """One member changed, and the checksums right again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(member, archive.read(member)) for member in archive.infolist()]
    chosen, packed = int(draws.integers(len(members))), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, (member, data) in enumerate(members):
            archive.writestr(member.filename, _changed(data, draws) if number == chosen else data, member.compress_type)
    return packed.getvalue()


def _in_png(content: bytes, draws: np.random.Generator) -> bytes:
    """One chunk changed, and its checksum right again."""
    chunks, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    chosen = int(draws.integers(len(chunks)))
    parts = [content[:8]]
    for number, (kind, found) in enumerate(chunks):
        if number != chosen:
            data = found
        elif kind in {b"IDAT", b"fdAT"}:
            start = 4 if kind == b"fdAT" else 0
            data = found[:start] + zlib.compress(_changed(zlib.decompress(found[start:]), draws))
        else:
            data = _changed(found, draws)
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


_PACKED: tuple[tuple[bytes, Callable[[bytes, np.random.Generator], bytes]], ...] = (
    (b"PK", _in_zip),
    (b"\x89PNG", _in_png),
    (b"\x1f\x8b", lambda content, draws: gzip.compress(_changed(gzip.decompress(content), draws), mtime=0)),
    (b"\xfd7zXZ", lambda content, draws: lzma.compress(_changed(lzma.decompress(content), draws))),
)


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
