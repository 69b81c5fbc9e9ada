"""Lesson: how JPEG makes a picture small. The 64 basis pictures, one block at every stage, where the bits go.

ITU-T T.81 (1992), Annex A and K. Every number comes from `codecs/jpeg`, the code that writes the files.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from imagewright.codecs.jpeg import dct
from imagewright.codecs.jpeg.codec import (
    Coefficients,
    decode_jpeg,
    encode_jpeg,
    quantise_image,
    rebuild_pixels,
)
from imagewright.codecs.jpeg.tables import LUMINANCE
from imagewright.errors import ConfigError, count_text
from imagewright.images import Images, open_images
from imagewright.lessons.base import LessonOutput, Numbers, define_lesson
from imagewright.lessons.jpeg import figures
from imagewright.lessons.jpeg.opened import OpenedJPEG, measure_quality, psnr

LARGEST_SIDE = 512  # pixels: larger pictures are shrunk, so that their blocks are visible
QUALITIES = (1, 2, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95, 98, 100)
SHOWN_QUALITIES = (2, 5, 10, 25, 50, 90)
GROWING = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 24, 28, 32, 36, 40, 45, 50, 57, 64)


@define_lesson(figures=("basis", "block", "bits", "quality"), animations=("growing",))
def jpeg(
    output: LessonOutput,
    *,
    source: Annotated[
        str | None, Field(description="a source of pictures; a photograph of scikit-image by default")
    ] = None,
    picture: Annotated[int, Field(ge=0, description="number of the picture in the source, from 0")] = 0,
    quality: Annotated[
        int,
        Field(
            ge=1,
            le=100,
            description="quality of the block and of the bits; 50 uses the table as printed in the standard",
        ),
    ] = 50,
    row: Annotated[
        int | None, Field(ge=0, description="row of the block, counted in blocks; a detailed block by default")
    ] = None,
    column: Annotated[int | None, Field(ge=0, description="column of the block, counted in blocks")] = None,
) -> Numbers:
    """What JPEG does to a picture, stage by stage, with the numbers of one block."""
    pixels = load_picture(source, picture)
    opened = OpenedJPEG(pixels, quality)
    grey, bits = opened.grey, opened.bits
    stages = opened.block(*_choose_block(bits, row, column))
    figures.draw_basis(output, dct.basis_pictures().numpy())
    output.progress(1, 5)
    figures.draw_block(output, stages, quality)
    output.progress(2, 5)
    figures.draw_bits(output, grey[0].numpy(), bits, (stages.row, stages.column), quality)
    output.progress(3, 5)
    curve = [measure_quality(pixels, each) for each in QUALITIES]
    samples = {each: decode_jpeg(encode_jpeg(pixels, each)).numpy() for each in SHOWN_QUALITIES}
    figures.draw_quality_curves(output, pixels.numpy(), curve, samples)
    output.progress(4, 5)
    growing = {
        count: rebuild_pixels(_first_coefficients(quantise_image(pixels, 100, "4:4:4"), count)) for count in GROWING
    }
    errors = {count: psnr(pixels, rebuilt) for count, rebuilt in growing.items()}
    if output.is_animated:
        output.animation("growing", figures.growing_frames(growing, errors), frames_per_second=2.5)
    output.progress(5, 5)
    half = measure_quality(pixels, 50)
    raw = 8 * len(pixels)
    return {
        "summary": [
            f"The block at row {stages.row}, column {stages.column}: 512 bits of pixels became {stages.bit_count} "
            f"bits, {stages.nonzero_count} of 64 coefficients are not 0 after quantisation.",
            f"Bits a block of the luminance at quality {quality}: {bits.min()} to {bits.max()}, "
            f"{bits.mean():.1f} on average.",
            f"The whole picture at quality 50: {half['bits_per_pixel']:.2f} bits a pixel instead of {raw}, "
            f"{half['psnr']:.1f} dB.",
        ],
        "picture": {"height": pixels.shape[1], "width": pixels.shape[2], "channels": len(pixels), "quality": quality},
        "block": stages.to_dict(),
        "bits_per_block": {"least": bits.min(), "mean": bits.mean(), "most": bits.max(), "map": bits},
        "quality": curve,
        "growing": [{"coefficients": count, "psnr": value} for count, value in errors.items()],
        "luminance_table": LUMINANCE,
    }


def load_picture(source: str | None, number: int) -> Tensor:
    """Picture `number` of a source, uint8 (C, H, W) with C 1 or 3, at most `LARGEST_SIDE` a side."""
    if source is None:
        from skimage.data import astronaut

        return torch.from_numpy(astronaut()[:256, 96:352].transpose(2, 0, 1).copy())
    images: Images = open_images(source)
    if number >= len(images):
        raise ConfigError(f"picture={number}, but {source} has {count_text(len(images), 'picture')}, counted from 0.")
    scale = min(1.0, LARGEST_SIDE / max(images.size))
    height, width = (max(1, round(side * scale)) for side in images.size)
    return (
        images.subset(np.array([number]))
        .with_size((height, width), min(images.channels, 3))
        .batch(np.array([0]))
        .images[0]
    )


def _choose_block(bits: np.ndarray, row: int | None, column: int | None) -> tuple[int, int]:
    """The row and column of the block: as given, else of the block at the 90th percentile of `bits`."""
    place = int(np.argsort(bits, axis=None, kind="stable")[int(0.9 * (bits.size - 1))])
    default_row, default_column = divmod(place, bits.shape[1])
    row, column = default_row if row is None else row, default_column if column is None else column
    if row >= bits.shape[0] or column >= bits.shape[1]:
        raise ConfigError(
            f"row={row} and column={column}, but the picture has {bits.shape[0]} rows and {bits.shape[1]} columns of "
            "blocks, counted from 0."
        )
    return row, column


def _first_coefficients(coded: Coefficients, count: int) -> Coefficients:
    """The coefficients with all but the first `count` in zig-zag order set to 0."""
    planes = [plane.copy() for plane in coded.planes]
    for plane in planes:
        plane[..., count:] = 0
    return Coefficients(coded.frame, coded.tables, tuple(planes))
