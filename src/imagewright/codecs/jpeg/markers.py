"""The segments of a JPEG file around its scans: a writer for baseline JFIF, and a reader that checks every length.

T.81, annex B; JFIF 1.02. The reader ignores segments that decoding does not need (EXIF, colour profiles, comments).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from imagewright.codecs.jpeg.frame import Component, JPEGFrame
from imagewright.codecs.jpeg.tables import ZIGZAG, HuffmanTable
from imagewright.errors import DataError
from imagewright.images.decoding.bounds import OutOfBounds, check_pixels
from imagewright.pixels import size_text

START, END, SCAN, QUANTISATION, HUFFMAN, RESTART, COMMENT = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xFE
BASELINE, EXTENDED = 0xC0, 0xC1
JFIF, ADOBE = 0xE0, 0xEE
OTHER_FRAMES = {
    0xC2: "progressive",
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical",
    0xC7: "hierarchical",
    0xC9: "arithmetic-coded",
    0xCA: "arithmetic-coded",
    0xCB: "arithmetic-coded",
    0xCC: "arithmetic-coded",
    0xCD: "arithmetic-coded",
    0xCE: "arithmetic-coded",
    0xCF: "arithmetic-coded",
}
MOST_BLOCKS_IN_A_UNIT = 10  # T.81, B.2.3


@dataclass
class Scan:
    """The header of one scan."""

    planes: list[int]  # indices in the frame
    tables: list[tuple[HuffmanTable, HuffmanTable]]  # (DC, AC) of each plane
    restart: int  # units between restart markers; 0: none
    start: int  # where its data begins in the file


@dataclass
class JPEGHeader:
    """The contents of the segments read so far."""

    frame: JPEGFrame | None = None
    quantisation: dict[int, np.ndarray] = field(default_factory=dict)
    huffman: dict[tuple[int, int], HuffmanTable] = field(default_factory=dict)  # by (0 DC or 1 AC, number)
    restart: int = 0
    is_jfif: bool = False
    adobe_transform: int | None = None

    @property
    def is_rgb(self) -> bool:
        """Whether three planes are red, green and blue, according to Adobe's marker or to their names."""
        assert self.frame is not None
        named_rgb = tuple(each.identifier for each in self.frame.components) == tuple(b"RGB")
        if self.is_jfif:  # JFIF files are always YCbCr
            return False
        return self.adobe_transform == 0 or (self.adobe_transform is None and named_rgb)


def damaged(what: str) -> DataError:
    """The error for a damaged file."""
    return DataError(f"The JPEG file is damaged: {what}.")


def cut_short(what: str) -> DataError:
    """The error for a truncated file."""
    return DataError(f"The JPEG file is cut short: {what}. Copy or download it again.")


# Writing


def segment(marker: int, content: bytes) -> bytes:
    """A marker and its content, with the length between them."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def build_header(
    frame: JPEGFrame, quantisation: Sequence[np.ndarray], huffman: Sequence[tuple[HuffmanTable, HuffmanTable]]
) -> bytes:
    """The segments before the scan's data in a baseline JFIF file.

    quantisation: tables (8, 8) by number.
    huffman: tables (DC, AC) by number.
    """
    parts = [bytes([0xFF, START]), segment(JFIF, b"JFIF\0" + struct.pack(">BBBHHBB", 1, 1, 0, 1, 1, 0, 0))]
    for number, table in enumerate(quantisation):
        parts.append(segment(QUANTISATION, bytes([number, *table.ravel()[ZIGZAG].tolist()])))
    planes = b"".join(bytes([each.identifier, each.across << 4 | each.down, each.table]) for each in frame.components)
    size = struct.pack(">BHHB", 8, frame.height, frame.width, len(frame.components))
    parts.append(segment(BASELINE, size + planes))
    for number, pair in enumerate(huffman):
        for kind, codes in enumerate(pair):
            parts.append(segment(HUFFMAN, bytes([kind << 4 | number, *codes.counts]) + codes.symbols))
    chosen = b"".join(bytes([each.identifier, each.table << 4 | each.table]) for each in frame.components)
    parts.append(segment(SCAN, bytes([len(frame.components)]) + chosen + bytes([0, 63, 0])))
    return b"".join(parts)


# Reading


def next_segment(data: bytes, place: int) -> tuple[int, bytes, int]:
    """The marker at `place`, its content, and the place after it. Raises `DataError` if there is none."""
    if place >= len(data):
        raise cut_short("it ends before the end of the picture")
    if data[place] != 0xFF:
        raise damaged(f"byte {place} should begin a marker")
    while place < len(data) and data[place] == 0xFF:  # fill bytes: any number may precede a marker
        place += 1
    if place >= len(data):
        raise cut_short("it ends within a marker")
    marker = data[place]
    if marker in (START, END) or 0xD0 <= marker <= 0xD7 or marker <= 1:
        return marker, b"", place + 1
    if place + 3 > len(data):
        raise cut_short("it ends within a marker")
    length = int.from_bytes(data[place + 1 : place + 3], "big")
    if length < 2:
        raise damaged(f"the segment at byte {place - 1} has no length")
    if place + 1 + length > len(data):
        raise cut_short(f"the segment at byte {place - 1} is not whole")
    return marker, data[place + 3 : place + 1 + length], place + 1 + length


def apply_segment(header: JPEGHeader, marker: int, content: bytes) -> None:
    """Add the content of a segment to the header. Raises `DataError` if it is damaged or not baseline."""
    if marker in (BASELINE, EXTENDED):
        if header.frame is not None:
            raise damaged("it has two frames")
        header.frame = _frame(content)
    elif marker in OTHER_FRAMES:
        raise DataError(
            f"This JPEG file is {OTHER_FRAMES[marker]}, and only baseline files are decoded here: save it again "
            "without that, or open it as a picture (imagewright.open_images), which reads all kinds."
        )
    elif marker == QUANTISATION:
        _take_quantisation(header, content)
    elif marker == HUFFMAN:
        _take_huffman(header, content)
    elif marker == RESTART:
        if len(content) != 2:
            raise damaged("its restart interval is not two bytes")
        header.restart = int.from_bytes(content, "big")
    elif marker == JFIF and content.startswith(b"JFIF\0"):
        header.is_jfif = True
    elif marker == ADOBE and content.startswith(b"Adobe") and len(content) >= 12:
        header.adobe_transform = content[11]
    elif marker == START or 0xD0 <= marker <= 0xD7:
        raise damaged(f"the marker {marker:#x} is in a place where none is allowed")


def _frame(content: bytes) -> JPEGFrame:
    if len(content) < 6 or len(content) != 6 + 3 * content[5]:
        raise damaged("its frame header has another length than its planes need")
    bits, height, width, planes = struct.unpack(">BHHB", content[:6])
    if bits != 8:
        raise DataError(f"This JPEG file has {bits} bits a sample, and only 8 are decoded here: save it with 8 bits.")
    if planes == 4:
        raise DataError("This JPEG file holds printing inks (CMYK), not grey or colours: convert it to RGB first.")
    if planes not in (1, 3):
        raise damaged(f"it has {planes} planes, and 1 (grey) or 3 (colours) were expected")
    if not height or not width:
        raise damaged(f"its picture is {size_text((height, width))} pixels large")
    try:
        check_pixels(width, height, "JPEG")
    except OutOfBounds as reason:
        raise DataError(f"The JPEG file cannot be read: {reason}.") from None
    components = []
    for place in range(6, len(content), 3):
        identifier, sampling, table = content[place : place + 3]
        across, down = sampling >> 4, sampling & 15
        if not 1 <= across <= 4 or not 1 <= down <= 4 or table > 3:
            raise damaged(f"plane {identifier} has the sampling {across}x{down} and the table {table}")
        components.append(Component(identifier, down, across, table))
    if len({each.identifier for each in components}) < len(components):
        raise damaged("two of its planes have the same number")
    if planes == 1:  # the sampling factors of a single plane have no effect
        components = [Component(components[0].identifier, 1, 1, components[0].table)]
    return JPEGFrame(height, width, tuple(components))


def _take_quantisation(header: JPEGHeader, content: bytes) -> None:
    while content:
        wide, number = content[0] >> 4, content[0] & 15
        length = 1 + 64 * (1 + wide)
        if wide > 1 or number > 3 or len(content) < length:
            raise damaged("a quantisation table is not whole")
        values = np.frombuffer(content[1:length], ">u2" if wide else np.uint8).astype(np.int64)
        if not values.all():
            raise damaged("a quantisation table has a step of zero")
        table = np.empty(64, np.int64)
        table[ZIGZAG] = values
        header.quantisation[number] = table.reshape(8, 8)
        content = content[length:]


def _take_huffman(header: JPEGHeader, content: bytes) -> None:
    while content:
        counts = tuple(content[1:17])
        length = 17 + sum(counts)
        kind, number = content[0] >> 4, content[0] & 15
        if len(counts) < 16 or kind > 1 or number > 3 or len(content) < length or sum(counts) > 256:
            raise damaged("a Huffman table is not whole")
        header.huffman[kind, number] = HuffmanTable(counts, content[17:length])
        content = content[length:]


def parse_scan(header: JPEGHeader, content: bytes, start: int) -> Scan:
    """Parse the header of a scan whose data begins at `start`. Raises `DataError` for missing planes or tables."""
    if header.frame is None:
        raise damaged("a scan comes before the frame")
    count = content[0] if content else 0
    if not 1 <= count <= len(header.frame.components) or len(content) != 4 + 2 * count:
        raise damaged("a scan's header has another length than its planes need")
    known = [each.identifier for each in header.frame.components]
    planes, tables = [], []
    for place in range(1, 1 + 2 * count, 2):
        identifier, numbers = content[place : place + 2]
        if identifier not in known:
            raise damaged(f"a scan names the plane {identifier}, which is not in the frame")
        pair = (0, numbers >> 4), (1, numbers & 15)
        if any(key not in header.huffman for key in pair):
            raise damaged("a scan names a Huffman table that is not in the file")
        planes.append(known.index(identifier))
        tables.append((header.huffman[pair[0]], header.huffman[pair[1]]))
    if len(set(planes)) < len(planes):
        raise damaged("a scan names a plane twice")
    members = [header.frame.components[plane] for plane in planes]
    if count > 1 and sum(each.down * each.across for each in members) > MOST_BLOCKS_IN_A_UNIT:
        raise damaged(f"a unit of its scan holds more than {MOST_BLOCKS_IN_A_UNIT} blocks")
    return Scan(planes, tables, header.restart, start)
