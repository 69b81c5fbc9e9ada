"""Pictures moved by whole pixels, by fractions of a pixel, and turned, by filters that keep to both pixel grids.

Karras et al. 2021 (StyleGAN3), arXiv:2106.12423, appendix E: the reference that equivariance is measured against.
Pictures are float (N, C, H, W); each function also returns which pixels are valid, bool (H, W): those that do not
depend on what lies outside of the picture. Shape letters: T taps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, grid_sample

LOBES = 3  # of the Lanczos windows
SUPPORT = 2 * LOBES  # pixels from the centre of the filters of turns
FINENESS = 4  # samples a pixel that turned pictures are interpolated from
EXTENT = 32  # pixels from the centre in which the ideal filters of turns are convolved (published: 64; 6e-6 off)


def shift_whole(images: Tensor, right: int, down: int) -> tuple[Tensor, Tensor]:
    """Moved by whole pixels, zeros coming in; negative numbers move to the left and up."""
    height, width = images.shape[2:]
    moved = torch.zeros_like(images)
    rows, columns = (slice(max(by, 0), side + min(by, 0)) for by, side in ((down, height), (right, width)))
    sources = (slice(max(-by, 0), side + min(-by, 0)) for by, side in ((down, height), (right, width)))
    moved[:, :, rows, columns] = images[:, :, *sources]
    valid = torch.zeros(height, width, dtype=torch.bool, device=images.device)
    valid[rows, columns] = True
    return moved, valid


def shift(images: Tensor, right: float, down: float) -> tuple[Tensor, Tensor]:
    """Moved by fractions of a pixel, by a Lanczos filter along each axis."""
    whole_right, whole_down = math.floor(right), math.floor(down)
    moved, inside = shift_whole(images, whole_right, whole_down)
    valid = _eroded(inside, LOBES)
    for vertical, part in ((False, right - whole_right), (True, down - whole_down)):
        places = torch.arange(-LOBES, LOBES + 1, device=images.device, dtype=images.dtype) + part
        taps = torch.sinc(places) * _window(places)
        moved = _filtered(moved, (taps / taps.sum())[:, None] if vertical else (taps / taps.sum())[None])
    return moved, valid


def turn(images: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Turned about the centre, in radians: y' = y cos(angle) + x sin(angle), y downwards.

    Frequencies that either pixel grid cannot represent are filtered out.
    """
    height, width = images.shape[2:]
    taps = turning_filter(-angle, FINENESS).to(images)
    fine = _depthwise(conv_transpose2d, images, taps * FINENESS**2, stride=FINENESS)
    centre = len(taps) // 2
    rows, columns = (torch.arange(side, device=images.device) - (side - 1) / 2 for side in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    cosine, sine = math.cos(angle), math.sin(angle)
    sources = (cosine * x + sine * y, cosine * y - sine * x)  # the places that turn to these pixels
    grid, valid = [], torch.ones_like(x, dtype=torch.bool)
    for source, side in zip(sources, (width, height), strict=True):
        places = (source + (side - 1) / 2) * FINENESS  # in samples
        # All taps that reach the two nearest samples lie in the picture.
        valid &= (places.floor() >= centre) & (places.floor() + 1 <= (side - 1) * FINENESS - centre)
        grid.append((places + centre) / ((side - 1) * FINENESS + len(taps) - 1) * 2 - 1)
    coordinates = torch.stack(grid, -1).to(images.dtype).expand(len(images), -1, -1, -1)
    return grid_sample(fine, coordinates, align_corners=True), valid


def filter_as_turned(images: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Not turned, but without the frequencies that a turned picture lacks: what `turn` is compared with."""
    taps = turning_filter(angle, 1).to(images)
    inside = torch.ones(images.shape[2:], dtype=torch.bool, device=images.device)
    return _filtered(images, taps), _eroded(inside, len(taps) // 2)


def turning_filter(angle: float, fineness: int) -> Tensor:
    """(T, T), with the sum 1: passes the frequencies of a pixel grid and of another one, turned by the angle.

    The ideal filters of both grids are convolved, and windowed by the convolution of Lanczos windows of both grids.

    fineness: samples a pixel.
    """
    reach = EXTENT * fineness - 1
    places = torch.arange(-reach, reach + 1, dtype=torch.float64) / fineness
    y, x = torch.meshgrid(places, places, indexing="ij")
    cosine, sine = math.cos(angle), math.sin(angle)
    grids = ((x, y), (cosine * x - sine * y, sine * x + cosine * y))
    ideal = _convolved(*(torch.sinc(u) * torch.sinc(v) for u, v in grids))
    window = _convolved(*(_window(u) * _window(v) for u, v in grids))
    kept = SUPPORT * fineness - 1
    taps = (ideal * window)[reach - kept : reach + kept + 1, reach - kept : reach + kept + 1]
    # A constant picture stays constant: the taps that meet a sample's pixels have the same sum, whichever it is.
    for row in range(fineness):
        for column in range(fineness):
            phase = taps[row::fineness, column::fineness]
            phase /= phase.sum() * fineness**2
    return taps


def _convolved(first: Tensor, second: Tensor) -> Tensor:
    """Of two filters with the same odd number of taps, periodically, with the centre in the middle."""
    product = torch.fft.rfft2(torch.fft.ifftshift(first)) * torch.fft.rfft2(torch.fft.ifftshift(second))
    return torch.fft.fftshift(torch.fft.irfft2(product, s=first.shape))


def _window(places: Tensor) -> Tensor:
    return torch.sinc(places / LOBES) * (places.abs() < LOBES)


def _filtered(images: Tensor, taps: Tensor) -> Tensor:
    """Each channel correlated with taps of odd sides, with zeros around."""
    return _depthwise(conv2d, images, taps, padding=tuple(side // 2 for side in taps.shape))


def _depthwise(convolve: object, images: Tensor, taps: Tensor, **options: object) -> Tensor:
    channels = images.shape[1]
    kernel = taps.to(images.dtype).expand(channels, 1, *taps.shape)
    result: Tensor = convolve(images, kernel, groups=channels, **options)  # type: ignore[operator]
    return result


def _eroded(inside: Tensor, border: int) -> Tensor:
    """The pixels (H, W) whose neighbours at up to `border` pixels are inside too."""
    side = 2 * border + 1
    neighbours = conv2d(inside.float()[None, None], torch.ones(1, 1, side, side), padding=border)[0, 0]
    return neighbours > side**2 - 0.5
