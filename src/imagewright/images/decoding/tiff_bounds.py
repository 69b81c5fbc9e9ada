"""The directories of TIFF files and EXIF data, walked without reading their values.

An entry names a place and a length in the file. Entries that all name the same megabytes, or millions of them, make a
reader unpack many times what the file holds. Source: TIFF 6.0, section 2; BigTIFF, as libtiff reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MOST_ENTRIES = 4096  # of a directory; a photograph's has some dozens
MOST_VALUES = 2**20  # numbers of one entry, such as the places of strips: each becomes an object in Python
SPARE_BYTES = 2**16  # beyond the file's own size, which values that overlap may claim
BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
TEXTS = {1, 2, 7}  # types whose values stay bytes
TILE_WIDTH, TILE_LENGTH = 322, 323
LARGEST_TILE = 2**27


def check_directory(data: bytes) -> str | None:
    """What is out of bounds in the first directory of a TIFF file or of EXIF data, or None. Damage is passed over."""
    try:
        layout = _layout(data)
        return None if layout is None else _check(data, *layout)
    except struct.error:
        return None


def is_whole(data: bytes) -> bool:
    """Whether the first directory of a TIFF file and all its values are within the file. Readers drop what is not."""
    layout = _layout(data)
    if layout is None:
        return False
    order, big, place = layout
    counter = struct.Struct(order + ("Q" if big else "H"))
    if place + counter.size > len(data):
        return False
    (count,) = counter.unpack_from(data, place)
    if place + counter.size + count * (20 if big else 12) > len(data):
        return False
    room = 8 if big else 4
    return all(
        values * BYTES_OF_TYPE.get(kind, 0) <= room or offset + values * BYTES_OF_TYPE.get(kind, 0) <= len(data)
        for _, kind, values, _, offset in _entries(data, order, big, place + counter.size, count)
    )


def count_pages(data: bytes, most: int) -> int:
    """The pages of a TIFF file, counted up to `most + 1`. A loop ends the count, as the end of the file does."""
    layout = _layout(data)
    if layout is None:
        return 1
    order, big, place = layout
    counter, link = struct.Struct(order + ("Q" if big else "H")), struct.Struct(order + ("Q" if big else "L"))
    seen: set[int] = set()
    while place and place not in seen and len(seen) <= most and place + counter.size <= len(data):
        seen.add(place)
        after = place + counter.size + counter.unpack_from(data, place)[0] * (20 if big else 12)
        if after + link.size > len(data):
            break
        (place,) = link.unpack_from(data, after)
    return max(1, len(seen))


def _layout(data: bytes) -> tuple[str, bool, int] | None:
    """(byte order, whether it is a BigTIFF, place of the first directory)."""
    if len(data) < 16 or data[:2] not in {b"II", b"MM"}:
        return None
    order = "<" if data[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", data, 2)
    big = version == 43
    (place,) = struct.unpack_from(order + ("Q" if big else "L"), data, 8 if big else 4)
    return order, big, place


def _check(data: bytes, order: str, big: bool, place: int) -> str | None:
    if place + 2 > len(data):
        return None
    count_format = order + ("Q" if big else "H")
    (count,) = struct.unpack_from(count_format, data, place)
    if count > MOST_ENTRIES:
        return f"has {count:,} entries, and more than {MOST_ENTRIES:,} are refused"
    total, tile = 0, 1
    for tag, kind, values, value, _ in _entries(data, order, big, place + struct.calcsize(count_format), count):
        total += values * BYTES_OF_TYPE.get(kind, 0)
        if kind in BYTES_OF_TYPE and kind not in TEXTS and values > MOST_VALUES:
            return f"has an entry of {values:,} numbers, and more than {MOST_VALUES:,} are refused"
        if tag in {TILE_WIDTH, TILE_LENGTH}:
            tile *= value
    if total > len(data) + SPARE_BYTES:
        return f"claims {total:,} bytes of values in {len(data):,} bytes"
    if tile > LARGEST_TILE:
        return f"has tiles of {tile:,} pixels, and more than {LARGEST_TILE:,} are refused"
    return None


def _entries(data: bytes, order: str, big: bool, start: int, count: int) -> Iterator[tuple[int, int, int, int, int]]:
    """(tag, type, number of values, the value if it is a single whole number, its place if it is not) of each entry."""
    entry, offset = struct.Struct(order + ("HHQ8s" if big else "HHL4s")), struct.Struct(order + ("Q" if big else "L"))
    for place in range(start, min(start + count * entry.size, len(data) - entry.size + 1), entry.size):
        tag, kind, values, raw = entry.unpack_from(data, place)
        number = struct.unpack_from(order + ("H" if kind == 3 else "L"), raw)[0]
        yield tag, kind, values, number, offset.unpack(raw)[0]
