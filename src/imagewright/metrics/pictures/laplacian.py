"""Laplacian pyramids: a picture as differences between scales, each scale half the size of the one before.

Burt & Adelson 1983, "The Laplacian pyramid as a compact image code": a 5x5 window, (1, 4, 6, 4, 1) / 16 in each
direction. Edges are mirrored about their outermost pixels. Shape letters: N pictures, C H W.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

WINDOW = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def laplacian_pyramid(images: Tensor, levels: int) -> list[Tensor]:
    """Tensors float (N, C, H / 2^k, W / 2^k): the differences, finest first, and last the blurred remainder.

    images: float (N, C, H, W), with sides divisible by 2^(levels - 1).
    levels: the number of tensors.
    """
    found = []
    for _ in range(levels - 1):
        smaller = _blur(images)[..., ::2, ::2]
        found.append(images - _enlarge(smaller))
        images = smaller
    return [*found, images]


def _blur(images: Tensor) -> Tensor:
    channels = images.shape[1]
    window = torch.tensor(WINDOW, dtype=images.dtype)
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect")
    columns = functional.conv2d(padded, window.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return functional.conv2d(columns, window.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)


def _enlarge(images: Tensor) -> Tensor:
    """Twice the size: zeros between the pixels, blurred, times four."""
    batch, channels, height, width = images.shape
    spread = images.new_zeros(batch, channels, 2 * height, 2 * width)
    spread[..., ::2, ::2] = images
    return 4 * _blur(spread)
