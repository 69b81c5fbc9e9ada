"""Conversion between RGB pixels and the planes of a file: luminance and subsampled chrominance, in whole blocks.

JFIF 1.02 defines the colours (BT.601, full range); T.81 leaves the subsampling filters open. Rounding and filters are
those of the Independent JPEG Group's library, so that files and pixels agree with most programs.
Planes are tensors (N, rows, columns), on any device.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from imagewright.codecs.jpeg.frame import Component, JPEGFrame
from imagewright.errors import DataError

BITS = 16  # of the factors' fractions
HALF = 1 << (BITS - 1)
PIXELS_AT_ONCE = 1 << 18


def _factor(value: float) -> int:
    return int(value * (1 << BITS) + 0.5)


def to_luminance_and_chrominance(images: Tensor) -> list[Tensor]:
    """RGB (N, 3, H, W) as three planes (N, H, W): Y, Cb, Cr. All uint8."""
    planes = torch.empty_like(images).unbind(1)
    for rows in _strips(images):
        red, green, blue = images[:, :, rows].int().unbind(1)
        centre = (128 << BITS) + HALF - 1
        luminance = _factor(0.299) * red + _factor(0.587) * green + _factor(0.114) * blue + HALF
        to_blue = -_factor(0.16874) * red - _factor(0.33126) * green + _factor(0.5) * blue + centre
        to_red = _factor(0.5) * red - _factor(0.41869) * green - _factor(0.08131) * blue + centre
        for plane, values in zip(planes, (luminance, to_blue, to_red), strict=True):
            plane[:, rows] = values >> BITS
    return list(planes)


def to_rgb(planes: list[Tensor]) -> Tensor:
    """Y, Cb and Cr (N, H, W) as RGB (N, 3, H, W). All uint8."""
    images = torch.empty_like(torch.stack(planes, dim=1))
    for rows in _strips(images):
        luminance, to_blue, to_red = (plane[:, rows].int() for plane in planes)
        to_blue, to_red = to_blue - 128, to_red - 128
        images[:, 0, rows] = (luminance + (_factor(1.402) * to_red + HALF >> BITS)).clamp_(0, 255)
        from_both = HALF - _factor(0.34414) * to_blue - _factor(0.71414) * to_red >> BITS
        images[:, 1, rows] = (luminance + from_both).clamp_(0, 255)
        images[:, 2, rows] = (luminance + (_factor(1.772) * to_blue + HALF >> BITS)).clamp_(0, 255)
    return images


def _strips(images: Tensor) -> Iterator[slice]:
    """Slices over the rows of images (N, C, H, W), small enough that their int32 copies need little memory."""
    count, _, height, width = images.shape
    each = max(1, PIXELS_AT_ONCE // max(count * width, 1))
    return (slice(first, first + each) for first in range(0, height, each))


def to_planes(images: Tensor, frame: JPEGFrame) -> list[Tensor]:
    """uint8 images (N, C, H, W) as the frame's planes: uint8, in whole blocks, padded by repeating the edge."""
    planes = [images[:, 0]] if images.shape[1] == 1 else to_luminance_and_chrominance(images[:, :3])
    planes += images[:, 3:].unbind(1)
    down, across = frame.most
    sampled = []
    for plane, component in zip(planes, frame.components, strict=True):
        rows, columns = frame.blocks(component)
        factor_down, factor_across = down // component.down, across // component.across
        # Columns are padded before averaging and rows after it, as in the Independent JPEG Group's library.
        wide = _repeat_edge(plane, -(-plane.shape[1] // factor_down) * factor_down, columns * 8 * factor_across)
        sampled.append(_repeat_edge(_averaged(wide, factor_down, factor_across), rows * 8, columns * 8))
    return sampled


def _repeat_edge(plane: Tensor, rows: int, columns: int) -> Tensor:
    """A plane with its last row and column repeated up to a size."""
    height, width = plane.shape[1:]
    if (height, width) == (rows, columns):
        return plane
    down = torch.arange(rows, device=plane.device).clamp_(max=height - 1)
    across = torch.arange(columns, device=plane.device).clamp_(max=width - 1)
    return plane[:, down][:, :, across]


def _averaged(plane: Tensor, down: int, across: int) -> Tensor:
    """The means of groups of `down` x `across` samples. Halves round down and up alternately, which adds no bias."""
    if down * across == 1:
        return plane
    plane = plane.short()
    sums = sum(plane[:, row::down, column::across] for row in range(down) for column in range(across))
    assert isinstance(sums, Tensor)
    bias = torch.arange(sums.shape[2], device=plane.device, dtype=torch.int16) % 2 + down - 1
    return (sums + bias >> (down * across).bit_length() - 1).to(torch.uint8)


def from_planes(planes: list[Tensor], frame: JPEGFrame, *, rgb: bool = False) -> Tensor:
    """Decoded planes to uint8 images (N, C, H, W).

    planes: uint8 (N, rows, columns) each, at least as large as the plane's samples.
    rgb: whether the three planes are red, green and blue.
    """
    full = []
    for plane, component in zip(planes, frame.components, strict=True):
        rows, columns = frame.samples(component)
        larger = enlarged(plane[:, :rows, :columns], frame, component)
        full.append(larger[:, : frame.height, : frame.width])
    if len(full) == 1 or rgb:
        return torch.stack(full, dim=1)
    colours = to_rgb(full[:3])
    return torch.cat([colours, *(plane[:, None] for plane in full[3:])], dim=1) if len(full) > 3 else colours


def enlarged(plane: Tensor, frame: JPEGFrame, component: Component) -> Tensor:
    """A plane, uint8, upsampled to the frame's full resolution: triangle filter for factors of 2, else repetition."""
    most_down, most_across = frame.most
    if most_down % component.down or most_across % component.across:
        raise DataError("The file's planes are sampled in a ratio that is no whole number, which is not supported.")
    down, across = most_down // component.down, most_across // component.across
    if max(down, across) > 2 or (across == 2 and plane.shape[2] <= 2):  # the triangle filter needs three columns
        return plane.repeat_interleave(down, dim=1).repeat_interleave(across, dim=2)
    fine = plane.short()
    if down == 2:
        fine = _doubled(fine, axis=1, rounding=(1, 2) if across == 1 else None)
    if across == 2:
        fine = _doubled(fine, axis=2, rounding=(1, 2) if down == 1 else (8, 7))
    return fine.to(torch.uint8)


def _doubled(plane: Tensor, axis: int, rounding: tuple[int, int] | None) -> Tensor:
    """Twice the rows (axis 1) or columns (axis 2), each 3/4 of the nearest sample and 1/4 of the next one.

    rounding: the terms added to the even and to the odd outputs before the division: by 4, or by 16 if the other axis
        was doubled without division. None: do not divide.
    """
    length = plane.shape[axis]
    before = torch.cat([plane.narrow(axis, 0, 1), plane.narrow(axis, 0, length - 1)], dim=axis)
    after = torch.cat([plane.narrow(axis, 1, length - 1), plane.narrow(axis, length - 1, 1)], dim=axis)
    parts = [3 * plane + before, 3 * plane + after]
    if rounding is not None:
        bits = 2 if max(rounding) < 4 else 4
        parts = [part + extra >> bits for part, extra in zip(parts, rounding, strict=True)]
    return torch.stack(parts, dim=axis + 1).flatten(axis, axis + 1)
