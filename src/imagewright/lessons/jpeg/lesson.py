"""Lesson: how JPEG makes a picture small. The 64 basis pictures, one block through every stage, where the bits go.

ITU-T T.81 (1992), Annex A and K. Every number comes from `models/codec`, the code that writes the files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from imagewright.codecs.jpeg import dct
from imagewright.codecs.jpeg.codec import (
    Coefficients,
    bits_of_blocks,
    coefficients_of,
    decode_jpeg,
    encode_jpeg,
    entropy_coded,
    pixels_of,
)
from imagewright.codecs.jpeg.colour import to_luminance_and_chrominance
from imagewright.codecs.jpeg.scan_writing import Words
from imagewright.codecs.jpeg.tables import LUMINANCE, ZIGZAG
from imagewright.errors import ConfigError
from imagewright.images import Images, open_images
from imagewright.lessons.base import Numbers, Place, lesson
from imagewright.lessons.jpeg import figures as draw

LARGEST = 512  # pixels a side: a larger picture is shrunk, so that its blocks can be seen
QUALITIES = (1, 2, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95, 98, 100)
SHOWN_QUALITIES = (2, 5, 10, 25, 50, 90)
GROWING = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 24, 28, 32, 36, 40, 45, 50, 57, 64)


@dataclass(frozen=True)
class Symbol:
    """One code of a block: what it says in words, and its bits; `value_bits` follow the Huffman code."""

    place: int
    meaning: str
    code_bits: str
    value_bits: str


@dataclass(frozen=True)
class Stages:
    """One block of the luminance through every stage, (8, 8) each unless said otherwise."""

    row: int
    column: int
    pixels: np.ndarray
    shifted: np.ndarray
    coefficients: np.ndarray
    table: np.ndarray
    quantised: np.ndarray
    zigzag: np.ndarray  # (64,) the quantised ones in the order of the file
    symbols: list[Symbol]
    rebuilt: np.ndarray


@lesson(figures=("basis", "block", "bits", "quality"), animations=("growing",))
def jpeg(
    place: Place,
    *,
    source: Annotated[
        str | None, Field(description="a source of pictures; a photograph of scikit-image by default")
    ] = None,
    picture: Annotated[int, Field(ge=0, description="number of the picture in the source, from 0")] = 0,
    quality: Annotated[
        int, Field(ge=1, le=100, description="of the block and of the bits; 50 has the table as printed")
    ] = 50,
    row: Annotated[
        int | None, Field(ge=0, description="of the block, counted in blocks; a lively one by default")
    ] = None,
    column: Annotated[int | None, Field(ge=0, description="of the block, counted in blocks")] = None,
) -> Numbers:
    """What JPEG does to a picture, stage by stage, with the numbers of one block."""
    pixels = picture_of(source, picture)
    grey = luminance_of(pixels)
    coded = coefficients_of(grey, quality)
    words = entropy_coded(coded)
    bits = bits_of_blocks(coded)[0]
    stages = stages_of(grey, coded, words, *_chosen_block(bits, row, column))
    draw.basis(place, dct.basis_pictures().numpy())
    place.progress(1, 5)
    draw.block(place, stages, quality)
    place.progress(2, 5)
    draw.bits(place, grey[0].numpy(), bits, (stages.row, stages.column), quality)
    place.progress(3, 5)
    curve = [_measured(pixels, each) for each in QUALITIES]
    samples = {each: decode_jpeg(encode_jpeg(pixels, each)).numpy() for each in SHOWN_QUALITIES}
    draw.quality(place, pixels.numpy(), curve, samples)
    place.progress(4, 5)
    growing = {count: pixels_of(_first_ones(coefficients_of(pixels, 100, "4:4:4"), count)) for count in GROWING}
    errors = {count: _psnr(pixels, rebuilt) for count, rebuilt in growing.items()}
    if place.is_animated:
        place.animation("growing", draw.growing_frames(growing, errors), frames_per_second=2.5)
    place.progress(5, 5)
    total = sum(len(symbol.code_bits) + len(symbol.value_bits) for symbol in stages.symbols)
    kept = int((stages.quantised != 0).sum())
    half = _measured(pixels, 50)
    raw = 8 * len(pixels)
    return {
        "summary": [
            f"The block at row {stages.row}, column {stages.column}: 512 bits of pixels became {total} bits, "
            f"{kept} of 64 coefficients are not 0 after quantisation.",
            f"Bits a block of the luminance at quality {quality}: {bits.min()} to {bits.max()}, "
            f"{bits.mean():.1f} on average.",
            f"The whole picture at quality 50: {half['bits_per_pixel']:.2f} bits a pixel instead of {raw}, "
            f"{half['psnr']:.1f} dB.",
        ],
        "picture": {"height": pixels.shape[1], "width": pixels.shape[2], "channels": len(pixels), "quality": quality},
        "block": _block_numbers(stages, total),
        "bits_per_block": {"least": bits.min(), "mean": bits.mean(), "most": bits.max(), "map": bits},
        "quality": curve,
        "growing": [{"coefficients": count, "psnr": value} for count, value in errors.items()],
        "luminance_table": LUMINANCE,
    }


def picture_of(source: str | None, number: int) -> Tensor:
    """The picture, uint8 (C, H, W) with C 1 or 3, at most `LARGEST` a side."""
    if source is None:
        from skimage.data import astronaut

        return torch.from_numpy(astronaut()[:256, 96:352].transpose(2, 0, 1).copy())
    images: Images = open_images(source)
    if number >= len(images):
        raise ConfigError(f"picture={number}, but {source} has {len(images)} pictures, counted from 0.")
    scale = min(1.0, LARGEST / max(images.size))
    height, width = (max(1, round(side * scale)) for side in images.size)
    return (
        images.subset(np.array([number]))
        .with_size((height, width), min(images.channels, 3))
        .batch(np.array([0]))
        .images[0]
    )


def luminance_of(pixels: Tensor) -> Tensor:
    """The luminance that JPEG would code, uint8 (1, H, W)."""
    return pixels if len(pixels) == 1 else to_luminance_and_chrominance(pixels[None])[0]


def stages_of(grey: Tensor, coded: Coefficients, words: Words, row: int, column: int) -> Stages:
    """One block of a grey picture (1, H, W) and of its coefficients, through every stage."""
    rows, columns = coded.frame.blocks(coded.frame.components[0])
    padded = np.pad(grey[0].numpy(), ((0, rows * 8 - grey.shape[1]), (0, columns * 8 - grey.shape[2])), mode="edge")
    pixels = padded[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].astype(np.int64)
    zigzag = coded.planes[0][row, column].astype(np.int64)
    in_place = np.empty(64, np.int64)
    in_place[ZIGZAG] = zigzag
    quantised = in_place.reshape(8, 8)
    table = coded.tables[0]
    number = row * columns + column
    before = int(coded.planes[0].reshape(-1, 64)[number - 1, 0]) if number else 0
    rebuilt = dct.fixed_inverse_dct(torch.from_numpy(quantised * table)).add(128).clamp(0, 255).long().numpy()
    return Stages(
        row,
        column,
        pixels,
        pixels - 128,
        dct.dct(torch.from_numpy(pixels - 128)).numpy(),
        table,
        quantised,
        zigzag,
        symbols_of(words, number, zigzag, before),
        rebuilt,
    )


def symbols_of(words: Words, number: int, zigzag: np.ndarray, before: int) -> list[Symbol]:
    """The codes of a block, the `number`-th of the scan, in words; `before`: the DC level of the block before it."""
    own = np.flatnonzero(words.blocks == number)
    symbols = []
    last = 0
    for bits, length, place in zip(words.bits[own], words.lengths[own], words.places[own], strict=True):
        text = f"{int(bits):0{int(length)}b}"
        if place == 64:
            symbols.append(Symbol(64, "end of block", text, ""))
            continue
        value = int(zigzag[place]) - (before if place == 0 else 0)
        size = abs(value).bit_length()
        meaning = f"DC {value:+d} from {before}" if place == 0 else f"{place - last - 1} zeros, then {value:+d}"
        symbols.append(Symbol(int(place), meaning, text[: len(text) - size], text[len(text) - size :]))
        last = int(place)
    return symbols


def _chosen_block(bits: np.ndarray, row: int | None, column: int | None) -> tuple[int, int]:
    """The block asked for; where none is, one with more bits than nine in ten, whose symbols still fit a page."""
    place = int(np.argsort(bits, axis=None, kind="stable")[int(0.9 * (bits.size - 1))])
    lively_row, lively_column = divmod(place, bits.shape[1])
    row, column = lively_row if row is None else row, lively_column if column is None else column
    if row >= bits.shape[0] or column >= bits.shape[1]:
        raise ConfigError(
            f"row={row} and column={column}, but the picture has {bits.shape[0]} rows and {bits.shape[1]} columns of "
            "blocks, counted from 0."
        )
    return row, column


def _first_ones(coded: Coefficients, count: int) -> Coefficients:
    """The coefficients with all but the first `count` in zig-zag order set to 0."""
    planes = [plane.copy() for plane in coded.planes]
    for plane in planes:
        plane[..., count:] = 0
    return Coefficients(coded.frame, coded.tables, tuple(planes))


def _measured(pixels: Tensor, quality: int) -> dict[str, float]:
    """A quality's bits a pixel, of the whole file, and its PSNR."""
    data = encode_jpeg(pixels, quality)
    size = pixels.shape[1] * pixels.shape[2]
    return {
        "quality": quality,
        "bytes": len(data),
        "bits_per_pixel": 8 * len(data) / size,
        "psnr": _psnr(pixels, decode_jpeg(data)),
    }


def _psnr(pixels: Tensor, rebuilt: Tensor) -> float:
    """In dB; at most 99, which JSON has a word for, where nothing was lost."""
    error = float((pixels.double() - rebuilt.double()).square().mean())
    return min(99.0, 10 * math.log10(255**2 / error)) if error else 99.0


def _block_numbers(stages: Stages, total: int) -> dict[str, object]:
    return {
        "row": stages.row,
        "column": stages.column,
        "pixels": stages.pixels,
        "shifted": stages.shifted,
        "dct": stages.coefficients.round(3),
        "table": stages.table,
        "quantised": stages.quantised,
        "zigzag": stages.zigzag,
        "symbols": [vars(symbol) for symbol in stages.symbols],
        "bits": total,
        "rebuilt": stages.rebuilt,
    }
