"""Encoder and decoder of baseline JPEG files.

ITU-T T.81 (ISO/IEC 10918-1) and JFIF 1.02. The integer arithmetic is that of the Independent JPEG Group's library:
files are byte for byte, and pixels bit for bit, those of Pillow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from imagewright.codecs.jpeg import markers, tables
from imagewright.codecs.jpeg.frame import JPEGFrame, build_frame, from_units, padded_blocks, unit_sizes
from imagewright.codecs.jpeg.huffman import build_codes
from imagewright.codecs.jpeg.scan_reading import decode_blocks, extract_scan_data
from imagewright.codecs.jpeg.scan_writing import Words, encode_words, pack_bits, scan_order
from imagewright.codecs.jpeg.transform import decode_images, quantise_images
from imagewright.errors import DataError, UserError
from imagewright.pixels import size_text

if TYPE_CHECKING:
    Picture = Tensor | np.ndarray

HUFFMAN_TABLES = (
    (tables.DC_LUMINANCE, tables.AC_LUMINANCE),
    (tables.DC_CHROMINANCE, tables.AC_CHROMINANCE),
)
LARGEST_SIDE = 65_535


@dataclass(frozen=True)
class Coefficients:
    """The quantised coefficients of a file, and how to decode them."""

    frame: JPEGFrame
    tables: dict[int, np.ndarray]  # quantisation tables by number, int64 (8, 8) each
    planes: tuple[np.ndarray, ...]  # quantised blocks, int16 (rows, columns, 64) each, in zig-zag order
    is_rgb: bool = False  # planes are red, green and blue, not luminance and chrominance


def encode_jpeg(image: Picture, quality: int = 75, subsampling: str = "4:2:0") -> bytes:
    """Encode a picture as the bytes of a baseline JFIF file.

    image: uint8 (C, H, W), C 1 (grey) or 3 (RGB).
    quality: 1 to 100.
    subsampling: of the chrominance, "4:2:0", "4:2:2" or "4:4:4".

    Raises `UserError` for an array that is no such picture, and `ConfigError` for another quality or subsampling.
    """
    return to_jpeg_bytes(quantise_image(image, quality, subsampling))


def decode_jpeg(data: bytes) -> Tensor:
    """Decode the bytes of a baseline JPEG file to uint8 (C, H, W), C 1 or 3. EXIF, profiles and comments are ignored.

    Raises `DataError` if the file is damaged, truncated, of another kind (progressive, arithmetic, 12 bits, CMYK), or
    declares more pixels than `images.decoding.bounds.pixel_limit()`.
    """
    return rebuild_pixels(read_coefficients(data))


def rebuild_pixels(found: Coefficients) -> Tensor:
    """Decode quantised coefficients to the picture, uint8 (C, H, W)."""
    planes = [torch.from_numpy(plane)[None] for plane in found.planes]
    steps = [torch.from_numpy(found.tables.get(number, np.ones((8, 8)))) for number in range(4)]
    return decode_images(planes, found.frame, steps, rgb=found.is_rgb)[0]


def quantise_image(image: Picture, quality: int = 75, subsampling: str = "4:2:0") -> Coefficients:
    """The quantised coefficients of a picture. Arguments and errors as `encode_jpeg`."""
    pixels = torch.as_tensor(image).detach().cpu()
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3) or pixels.dtype != torch.uint8 or 0 in pixels.shape:
        raise UserError(
            f"A JPEG file holds one picture, uint8 (C, H, W) with C 1 or 3, not {pixels.dtype} {tuple(pixels.shape)}."
        )
    channels, height, width = pixels.shape
    if max(height, width) > LARGEST_SIDE:
        raise UserError(
            f"A JPEG file holds at most {LARGEST_SIDE} pixels a side, and the picture is {size_text((height, width))}."
        )
    frame = build_frame(height, width, channels, subsampling)
    chosen = tables.scaled_tables(quality)[: len({each.table for each in frame.components})]
    found = quantise_images(pixels[None], frame, [torch.from_numpy(table) for table in chosen])
    return Coefficients(frame, dict(enumerate(chosen)), tuple(plane[0].numpy() for plane in found))


def entropy_code(coefficients: Coefficients) -> Words:
    """The code words of the picture's single scan, with the standard's Huffman tables. `pack_bits` makes the bytes."""
    return code_planes([plane[None] for plane in coefficients.planes], coefficients.frame)


def code_planes(planes: Sequence[np.ndarray], frame: JPEGFrame) -> Words:
    """The code words of the scans of N pictures, one after the other: planes int16 (N, rows, columns, 64) each."""
    blocks, numbers = scan_order(planes, frame)
    return encode_words(blocks, numbers, [(build_codes(first), build_codes(other)) for first, other in HUFFMAN_TABLES])


def to_jpeg_bytes(coefficients: Coefficients) -> bytes:
    """The bytes of a baseline JFIF file with these coefficients."""
    frame, quantisation = coefficients.frame, coefficients.tables
    used = [quantisation[number] for number in sorted(quantisation)]
    header = markers.build_header(frame, used, HUFFMAN_TABLES[: len(used)])
    return header + pack_bits(entropy_code(coefficients)) + bytes([0xFF, markers.END])


def read_coefficients(data: bytes) -> Coefficients:
    """The quantised coefficients of a baseline JPEG file. Raises `DataError` as `decode_jpeg`."""
    if data[:2] != bytes([0xFF, markers.START]):
        raise DataError("This is no JPEG file: it does not begin with the bytes FF D8.")
    header = markers.JPEGHeader()
    planes: dict[int, np.ndarray] = {}
    place = 2
    while True:
        marker, content, place = markers.next_segment(data, place)
        if marker == markers.END:
            break
        if marker == markers.SCAN:
            place = _take_scan(data, header, markers.parse_scan(header, content, place), planes)
        else:
            markers.apply_segment(header, marker, content)
    if header.frame is None or len(planes) < len(header.frame.components):
        raise markers.damaged("it ends before all of its planes")
    _check_tables(header.frame, header.quantisation)
    ordered = tuple(planes[number] for number in range(len(planes)))
    return Coefficients(header.frame, header.quantisation, ordered, len(ordered) > 1 and header.is_rgb)


def _take_scan(data: bytes, header: markers.JPEGHeader, scan: markers.Scan, planes: dict[int, np.ndarray]) -> int:
    """Read one scan into `planes`; returns the place in the file after it."""
    assert header.frame is not None
    if any(plane in planes for plane in scan.planes):
        raise markers.damaged("two of its scans hold the same plane")
    members = [header.frame.components[plane] for plane in scan.planes]
    alone = len(members) == 1
    rows, columns = header.frame.blocks(members[0]) if alone else header.frame.units
    sizes = unit_sizes(members)
    found = extract_scan_data(data, scan, rows * columns)
    blocks = decode_blocks(found, scan, sizes, rows * columns)
    for plane, member, own in zip(scan.planes, members, np.split(blocks, np.cumsum(sizes)[:-1], axis=1), strict=True):
        whole = padded_blocks(header.frame, member, alone=alone)
        kept_rows, kept_columns = header.frame.blocks(member)
        planes[plane] = from_units(own, member, *whole, alone=alone)[:kept_rows, :kept_columns]
    return found.after


def _check_tables(frame: JPEGFrame, quantisation: dict[int, np.ndarray]) -> None:
    if any(each.table not in quantisation for each in frame.components):
        raise markers.damaged("a plane names a quantisation table that is not in the file")


def count_block_bits(coefficients: Coefficients) -> Sequence[np.ndarray]:
    """The number of bits of each block in the file, int64 (rows, columns) a plane."""
    frame, words = coefficients.frame, entropy_code(coefficients)
    rows, columns = frame.units
    sizes = unit_sizes(frame.components)
    bits = np.bincount(words.blocks, words.lengths, minlength=rows * columns * sum(sizes)).astype(np.int64)
    by_unit = np.split(bits.reshape(-1, sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
    found = []
    alone = len(sizes) == 1
    for own, component in zip(by_unit, frame.components, strict=True):
        whole = from_units(own, component, *padded_blocks(frame, component, alone=alone), alone=alone)
        kept_rows, kept_columns = frame.blocks(component)
        found.append(whole[:kept_rows, :kept_columns])
    return found
