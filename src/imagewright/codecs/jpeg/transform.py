"""Images to quantised coefficients and back: the lossy steps of JPEG, for batches and on any device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from imagewright.codecs.jpeg import dct
from imagewright.codecs.jpeg.colour import from_planes, to_planes
from imagewright.codecs.jpeg.frame import JPEGFrame
from imagewright.codecs.jpeg.tables import ZIGZAG

BLOCKS_AT_ONCE = 16_384  # so that the float64 copies of a large picture stay small and in the processor's cache


def quantise_images(images: Tensor, frame: JPEGFrame, tables: Sequence[Tensor]) -> list[Tensor]:
    """The quantised coefficients of images: int16 (N, rows, columns, 64) for each plane, in zig-zag order.

    images: uint8 (N, C, H, W).
    tables: quantisation tables (8, 8) of integers, by `Component.table`.
    """
    planes = transform_images(images, frame)
    return [
        quantise_coefficients(plane, tables[component.table])
        for plane, component in zip(planes, frame.components, strict=True)
    ]


def transform_images(images: Tensor, frame: JPEGFrame) -> list[Tensor]:
    """`dct.SCALE` times the cosine transform of images: int16 (N, rows, columns, 64) a plane, in zig-zag order.

    images: uint8 (N, C, H, W).
    """
    order = torch.as_tensor(ZIGZAG, device=images.device)
    found = []
    for plane in to_planes(images, frame):
        count, height, width = plane.shape
        blocks = plane.reshape(count, height // 8, 8, width // 8, 8).transpose(2, 3).reshape(-1, 8, 8)
        parts = [dct.fixed_dct(part.double() - 128).to(torch.int16) for part in blocks.split(BLOCKS_AT_ONCE)]
        found.append(torch.cat(parts).flatten(1)[:, order].reshape(count, height // 8, width // 8, 64))
    return found


def quantise_coefficients(coefficients: Tensor, table: Tensor) -> Tensor:
    """Coefficients (..., 64) of `transform_images` as multiples of the steps of a table (8, 8), int16."""
    steps = table.to(coefficients.device, torch.float64).flatten()[torch.as_tensor(ZIGZAG, device=coefficients.device)]
    parts = coefficients.reshape(-1, 64).split(BLOCKS_AT_ONCE)
    return torch.cat([_divided(part.double(), steps) for part in parts]).reshape(coefficients.shape)


def quantise(blocks: Tensor, table: Tensor) -> Tensor:
    """Blocks (..., 8, 8) of samples from 0 to 255 to multiples of a table's steps, int16. Halves round away from 0."""
    return _divided(dct.fixed_dct(blocks.double() - 128), table.double())


def _divided(coefficients: Tensor, table: Tensor) -> Tensor:
    """`dct.SCALE` times coefficients, float64, in steps of a table of the same layout, int16."""
    steps = table * dct.SCALE
    magnitudes = coefficients.abs().add_((steps / 2).floor()).div_(steps).floor_()
    return magnitudes.copysign_(coefficients).to(torch.int16)


def dequantise(blocks: Tensor, table: Tensor) -> Tensor:
    """Multiples (..., 8, 8) of a table's steps to samples from 0 to 255, uint8.

    Multiples need not be integers: coefficients are rounded after the multiplication.
    """
    coefficients = (blocks.double() * table.double()).round_()
    return dct.fixed_inverse_dct(coefficients).add_(128).clamp_(0, 255).to(torch.uint8)


def decode_images(
    coefficients: Sequence[Tensor], frame: JPEGFrame, tables: Sequence[Tensor], *, rgb: bool = False
) -> Tensor:
    """Decode coefficients to uint8 images (N, C, H, W).

    coefficients: (N, rows, columns, 64) for each plane, in zig-zag order.
    tables: quantisation tables (8, 8), by `Component.table`.
    rgb: whether the three planes are red, green and blue.
    """
    planes = []
    for values, component in zip(coefficients, frame.components, strict=True):
        count, rows, columns, _ = values.shape
        order = torch.as_tensor(ZIGZAG, device=values.device)
        steps = tables[component.table].to(values.device, torch.float64)
        plane = torch.empty(count * rows * columns, 8, 8, dtype=torch.uint8, device=values.device)
        whole, filled = values.reshape(-1, 64), plane.split(BLOCKS_AT_ONCE)
        for part, target in zip(whole.split(BLOCKS_AT_ONCE), filled, strict=True):
            blocks = torch.empty_like(part)
            blocks[:, order] = part
            target.copy_(dequantise(blocks.unflatten(1, (8, 8)), steps))
        plane = plane.reshape(count, rows, columns, 8, 8).transpose(2, 3)
        planes.append(plane.reshape(count, rows * 8, columns * 8))
    return from_planes(planes, frame, rgb=rgb)
