"""Bounds on the work that one picture may cause, read from its structure before any of it is decoded.

A small file can keep a decoder busy for hours or fill the memory: a JPEG of thousands of scans, a PNG of millions of
empty chunks, a PPM whose comment never ends. What is out of these bounds is no picture that a camera or a program
writes.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from functools import cache

from imagewright.errors import ConfigError
from imagewright.images.decoding.tiff_bounds import check_directory
from imagewright.pixels import size_text

PIXEL_LIMIT = 2**27
"""A picture with more pixels than this (134 million) is refused, unless `PIXEL_LIMIT_VARIABLE` says another limit."""
PIXEL_LIMIT_VARIABLE = "IMAGEWRIGHT_PIXEL_LIMIT"
SEVERAL_COPIES = ("WEBP", "AVIF", "HEIF")
"""Formats whose decoders hold several copies of the pixels: a quarter of the limit holds for them."""
BYTES_A_PIXEL, FEWEST_BYTES = 4, 2**24  # of a file, whose texts and profiles may take some million bytes

MOST_SCANS = 100  # of a JPEG: progressive ones have about ten
PASSES = 16  # over the pixels of the limit: what the scans of a JPEG may cost in all
MOST_SEGMENTS = 2**14  # before the first scan of a JPEG
MOST_CHUNKS = 2**14  # of a PNG, besides those of its pixels
FEW_BYTES = 2**14
MOST_PARTS = 2**18  # chunks of pixels of a PNG
MOST_BLOCKS = 2**14  # blocks of extensions before the first frame of a GIF
MOST_JUNK = 2**16  # bytes that are part of nothing, which readers pass over one by one
SLOW_BYTES, SLOW_PIXELS = 2**24, 2**24  # of formats that Pillow decodes in Python: text, runs, odd ranges

_MARKER = re.compile(rb"\xff([\x01-\xfe])")
# Markers that no length follows: those of restarts and of the start, and those that nobody defined.
_BARE = frozenset((*range(0xC0), *range(0xD0, 0xD9), *range(0xF0, 0xFE)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((0xC0, 0xC1))
_PPM_MAGIC = re.compile(rb"P(?:[1-6]|0CMYK|f|yP|yRGBA|yCMYK)[ \t\n\v\f\r]")
_GAP = rb"[ \t\n\v\f\r](?:[ \t\n\v\f\r]|#[^\r\n]*[\r\n])*"
_PPM_HEADER = re.compile(
    rb"P([1-6]|0CMYK|f|yP|yRGBA|yCMYK)" + rb"".join((_GAP, rb"(\d+)", _GAP, rb"(\d+)", _GAP, rb"([-+.\deE]+)?"))
)


class OutOfBounds(Exception):
    """A picture that would cost more than any picture should. The text is the reason."""


def pixel_limit(picture_format: str | None = None) -> int:
    """The most pixels of a picture that is decoded: 2**27, or what the variable IMAGEWRIGHT_PIXEL_LIMIT says.

    picture_format: as Pillow calls it. WebP, AVIF and HEIF have a quarter of the limit.
    Raises `ConfigError` if the variable is no whole number from 1.
    """
    limit = _parse_limit(os.environ.get(PIXEL_LIMIT_VARIABLE, ""))
    return max(1, limit // 4) if picture_format in SEVERAL_COPIES else limit


@cache
def _parse_limit(text: str) -> int:
    digits = text.replace("_", "").replace(",", "").strip()
    if digits and not (digits.isdecimal() and len(digits) < 20 and int(digits)):
        raise ConfigError(
            f"{PIXEL_LIMIT_VARIABLE}={text!r} is no number of pixels: expected a whole number such as {PIXEL_LIMIT}."
        )
    return int(digits or PIXEL_LIMIT)


def byte_limit() -> int:
    """The most bytes of the file of a picture: four for each pixel of the limit, 512 MiB by default."""
    return max(FEWEST_BYTES, BYTES_A_PIXEL * pixel_limit())


def check_bytes(size: int) -> None:
    """Raise `OutOfBounds` for a file with more bytes than a picture has, before it is read."""
    if size > FEWEST_BYTES and size > byte_limit():
        raise OutOfBounds(f"it has {size:,} bytes; more than {byte_limit():,} are refused{_raise_it()}")


def check_pixels(width: int, height: int, picture_format: str | None) -> None:
    """Raise `OutOfBounds` for more pixels than the limit."""
    limit = pixel_limit(picture_format)
    if width * height > limit:
        of_format = f" of a {picture_format}" if picture_format in SEVERAL_COPIES else ""
        raise OutOfBounds(
            f"it declares {size_text((height, width))} pixels; more than {limit:,}{of_format} are refused{_raise_it()}"
        )


def check_structure(payload: bytes) -> None:
    """Raise `OutOfBounds` for a picture whose structure asks for more work than the bounds above.

    Damage is passed over: the reader of the format finds it.
    """
    for start, check in _CHECKS.get(payload[:1], ()):
        if payload.startswith(start):
            try:
                check(payload)
            except (struct.error, IndexError):
                return


def check_exif(blob: object) -> None:
    """Raise `OutOfBounds` if the EXIF data of a picture would unpack to more than they are."""
    if isinstance(blob, bytes):
        start = 6 if blob.startswith(b"Exif\0\0") else 0
        problem = check_directory(blob[start:])
        if problem:
            raise OutOfBounds(f"its EXIF data {problem}")


def _raise_it() -> str:
    return f" ({PIXEL_LIMIT_VARIABLE} raises the limit of {pixel_limit():,} pixels)"


# JPEG


def _check_jpeg(payload: bytes) -> None:
    position, segments, pixels, planes = 2, 0, 0, 0
    exif: list[bytes] = []
    while (found := _MARKER.search(payload, position)) is not None:
        segments += 1
        if segments > MOST_SEGMENTS:
            raise OutOfBounds(f"it has more than {MOST_SEGMENTS:,} segments before its pixels")
        if found.start() - position > MOST_JUNK:
            raise OutOfBounds(f"{found.start() - position:,} bytes of it belong to nothing")
        marker = found[1][0]
        position = found.end()
        if marker in _BARE:
            continue
        if marker in {0xD9, 0xDA}:
            break
        (length,) = struct.unpack_from(">H", payload, position)
        if marker in _FRAMES:
            height, width, planes = struct.unpack_from(">HHB", payload, position + 3)
            pixels, planes = height * width, planes if marker in _SEQUENTIAL else 0
        elif marker == 0xE1 and payload[position + 2 : position + 8] == b"Exif\0\0":
            exif.append(payload[position + 8 : position + length])
        position += max(2, length)
    if exif:
        check_exif(b"".join(exif))
    if planes and payload[position + 2] == planes:  # all planes in one scan: a second one is an error of the reader
        return
    # The bytes of a scan's marker also occur in thumbnails: only if there are many are the scans counted one by one.
    most = min(MOST_SCANS, max(4, PASSES * pixel_limit() // max(pixels, 1)))
    if payload.count(b"\xff\xda") > most and (scans := _count_scans(payload, position, most)) > most:
        raise OutOfBounds(f"it is a JPEG of {scans:,} scans or more; {most:,} at most are read at its size")


def _count_scans(payload: bytes, position: int, most: int) -> int:
    """The scans of a JPEG from the first one's marker on, which ends at `position`; counted up to `most + 1`."""
    scans = 1
    position += struct.unpack_from(">H", payload, position)[0]
    while scans <= most and (found := _MARKER.search(payload, position)) is not None:
        marker = found[1][0]
        position = found.end()
        if marker == 0xD9:
            break
        if marker in _BARE:
            continue
        scans += marker == 0xDA
        position += max(2, struct.unpack_from(">H", payload, position)[0])
    return scans


# PNG, GIF, WebP


def _check_png(payload: bytes) -> None:
    if len(payload) <= FEW_BYTES:  # which hold few chunks
        return
    position, parts, others = 8, 0, 0
    while position + 12 <= len(payload):
        length, kind = struct.unpack_from(">I4s", payload, position)
        if kind in {b"IDAT", b"fdAT", b"fcTL"}:
            parts += 1
        else:
            others += 1
        if parts > MOST_PARTS or others > MOST_CHUNKS:
            raise OutOfBounds(f"it is a PNG of more than {MOST_PARTS if parts > MOST_PARTS else MOST_CHUNKS:,} chunks")
        if kind == b"eXIf":
            check_exif(payload[position + 8 : position + 8 + length])
        if kind == b"IEND":
            return
        position += 12 + length


def _check_gif(payload: bytes) -> None:
    flags = payload[10]
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    blocks, junk = 0, 0
    while payload[position] != 0x3B:
        if payload[position] == 0x2C:  # the first frame
            return
        if payload[position] != 0x21:
            position, junk = position + 1, junk + 1
        else:
            position += 2
            while length := payload[position]:
                position, blocks = position + 1 + length, blocks + 1
                if blocks > MOST_BLOCKS:
                    break
            position += 1
        if blocks > MOST_BLOCKS or junk > MOST_JUNK:
            raise OutOfBounds("it is a GIF with more comments and extensions before its first frame than any has")


def webp_size(payload: bytes) -> tuple[int, int] | None:
    """(width, height) of a WebP from its first chunk, since Pillow reserves the pixels when it opens one; else None."""
    if not payload.startswith(b"RIFF") or payload[8:12] != b"WEBP" or len(payload) < 30:
        return None
    kind = payload[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(payload[24:27], "little"), 1 + int.from_bytes(payload[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(payload[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<2H", payload, 26)
    return width & 0x3FFF, height & 0x3FFF


# Formats that Pillow decodes in Python


def _check_ppm(payload: bytes) -> None:
    if _PPM_MAGIC.match(payload) is None:
        return
    header = _PPM_HEADER.match(payload[:MOST_JUNK])
    if header is None:
        if len(payload) > MOST_JUNK:
            raise OutOfBounds(f"its sizes do not follow within its first {MOST_JUNK:,} bytes")
        return
    kind, width, height, most = header.groups()
    plain = kind in {b"1", b"2", b"3"}
    if plain and payload.count(b"#") > MOST_BLOCKS // 4:
        raise OutOfBounds(f"it is a PPM of more than {MOST_BLOCKS // 4:,} comments")
    if kind in {b"4", b"f"} or (not plain and (most == b"255" or (kind, most) == (b"5", b"65535"))):
        return
    what = "PPM written as text" if plain else f"PPM of values up to {(most or b'?')[:9].decode()}"
    _check_slow(payload, int(width[:10]) * int(height[:10]), what)


def _check_bmp(payload: bytes) -> None:
    start = 14 if payload.startswith(b"BM") else 0  # a DIB has no file header
    size, width, height, _, _, compression = struct.unpack_from("<IiiHHI", payload, start)
    if size >= 40 and compression in {1, 2}:
        _check_slow(payload, abs(width * height), "BMP of runs")


def _check_slow(payload: bytes, pixels: int, what: str) -> None:
    if len(payload) > SLOW_BYTES or pixels > SLOW_PIXELS:
        raise OutOfBounds(
            f"it is a {what} of {pixels:,} pixels in {len(payload):,} bytes, of which {SLOW_BYTES:,} at most are read: "
            "save it as PNG"
        )


def _check_tiff(payload: bytes) -> None:
    problem = check_directory(payload)
    if problem:
        raise OutOfBounds(f"its directory {problem}")


_STARTS: tuple[tuple[bytes, Callable[[bytes], None]], ...] = (
    (b"\xff\xd8\xff", _check_jpeg),
    (b"\x89PNG\r\n\x1a\n", _check_png),
    (b"GIF8", _check_gif),
    (b"BM", _check_bmp),
    *((struct.pack("<I", size), _check_bmp) for size in (40, 52, 56, 64, 108, 124)),
    (b"P", _check_ppm),
    (b"II", _check_tiff),
    (b"MM", _check_tiff),
)
_CHECKS = {start[:1]: tuple(each for each in _STARTS if each[0][:1] == start[:1]) for start, _ in _STARTS}
