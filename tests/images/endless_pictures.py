"""Pictures that ask for far more work than they are large: small forms of ones that keep a decoder for minutes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def noise(side: int = 40) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (side, side, 3), np.uint8))


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes so many times."""
    whole = encoded(noise(), "JPEG", progressive=True)
    last = whole[whole.rfind(b"\xff\xda") : -2]
    return whole[:-2] + last * count + b"\xff\xd9"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(chunks: bytes) -> bytes:
    """A PNG with further chunks before its pixels."""
    whole = encoded(noise(), "PNG")
    return whole[:33] + chunks + whole[33:]


def gif_of_frames(count: int) -> bytes:
    """A GIF of so many equal frames of 4x4 pixels."""
    whole = encoded(Image.new("P", (4, 4)), "GIF")
    start = whole.index(b",", 13)
    return whole[:-1] + whole[start:-1] * (count - 1) + b";"


def gif_with_comments(blocks: int) -> bytes:
    whole = encoded(Image.new("P", (4, 4)), "GIF")
    start = whole.index(b",", 13)
    return whole[:start] + b"!\xfe" + b"\x01c" * blocks + b"\0" + whole[start:]


def tiff(entries: list[tuple[int, int, int, int]], extra: bytes = b"", pages: int = 1, loop: bool = False) -> bytes:
    """A TIFF of so many equal directories of (tag, type, count, value); `loop`: the last one names the first."""
    size = 2 + 12 * len(entries) + 4
    content = b"II*\0" + struct.pack("<I", 8)
    for page in range(pages):
        following = 8 + (page + 1) * size if page < pages - 1 else 8 if loop else 0
        content += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *each) for each in entries)
        content += struct.pack("<I", following)
    return content + extra


PLAIN_PAGE = [
    (256, 4, 1, 4),
    (257, 4, 1, 4),
    (258, 3, 1, 8),
    (259, 3, 1, 1),
    (262, 3, 1, 1),
    (273, 4, 1, 8),
    (277, 3, 1, 1),
    (278, 4, 1, 4),
    (279, 4, 1, 16),
]


def jpeg_with_exif(entries: int, each: int) -> bytes:
    """A JPEG whose EXIF tags all name the same bytes."""
    blob = tiff([(1000 + number, 7, each, 8) for number in range(entries)], b"\0" * 64)
    return encoded(noise(), "JPEG", exif=b"Exif\0\0" + blob)


def bmp_of_runs(side: int, runs: bytes = b"\0\1") -> bytes:
    """A grey BMP of runs; the default ends it at once."""
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + 1024) + header + b"\0" * 1024 + runs


# A name, the picture, and a word of the reason.
ENDLESS: list[tuple[str, bytes, str]] = [
    ("scans.jpg", jpeg_of_scans(2000), r"100 at most"),
    ("segments.jpg", b"\xff\xd8" + b"\xff\xfe\0\2" * 20_000 + encoded(noise(), "JPEG")[2:], "16,384 segments"),
    ("fill.jpg", b"\xff\xd8" + b"\xff" * 100_000 + encoded(noise(), "JPEG")[2:], "belong to nothing"),
    ("tags.jpg", jpeg_with_exif(3000, 60_000), "EXIF data claims"),
    ("chunks.png", png_with(chunk(b"abCd", b"") * 20_000), "16,384 chunks"),
    ("parts.png", png_with(chunk(b"IDAT", b"") * 270_000), "262,144 chunks"),
    ("tags.png", png_with(chunk(b"eXIf", tiff([(1000 + n, 7, 2**20, 8) for n in range(3000)]))), "EXIF data claims"),
    ("comment.gif", gif_with_comments(20_000), "comments"),
    ("comment.ppm", b"P6\n#" + b"x" * 200_000 + b"\n4 4\n255\n" + bytes(48), "65,536 bytes"),
    ("comments.ppm", b"P3\n40 40\n255\n" + b"#\n" * 10_000 + b"7 " * 4800, "comments"),
    ("text.ppm", b"P3\n2000 2000\n255\n" + b"7 7 7\n" * 3_000_000, "written as text"),
    ("odd.ppm", b"P6\n3000 3000\n254\n" + bytes(27_000_000), "values up to 254"),
    ("runs.bmp", bmp_of_runs(8000), "BMP of runs"),
    ("entries.tif", tiff([(300 + n, 3, 1, 8) for n in range(5000)]), "5,000 entries"),
    ("overlap.tif", tiff([(1000 + n, 1, 2**19, 8) for n in range(3000)], bytes(2**19)), "claims"),
    ("strips.tif", tiff([*PLAIN_PAGE[:5], (273, 4, 2**21, 8)], bytes(2**23)), "2,097,152 numbers"),
    ("tile.tif", tiff([*PLAIN_PAGE[:5], (322, 4, 1, 2**20), (323, 4, 1, 2**20)]), "tiles"),
]
