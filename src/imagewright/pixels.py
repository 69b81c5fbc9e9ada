"""Conversion between the pixels of files, uint8 in 0..255, and of models, float32 in [-1, 1]; sizes as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SIDE_LIMIT = 16_384  # pixels of a side, of pictures that are opened and of models


def size_text(size: Sequence[int]) -> str:
    """A size (height, width) as text, which is width x height everywhere: `64x96` for 96 rows of 64 pixels.

    >>> size_text((96, 64))
    '64x96'
    """
    height, width = size
    return f"{width}x{height}"


def is_size(name: str, value: object) -> bool:
    """Whether a value of a record, by its name, is a size (height, width)."""
    if not isinstance(value, list | tuple) or len(value) != 2 or not name.endswith("size"):
        return False
    return all(type(side) is int for side in value)


def to_float(images: Tensor) -> Tensor:
    """uint8 (N, C, H, W) to float32 in [-1, 1]; 0 becomes -1 and 255 becomes 1 exactly."""
    return images.float().div_(127.5).sub_(1)


def to_uint8(images: Tensor) -> Tensor:
    """Float (N, C, H, W) in [-1, 1] to uint8, rounded to the nearest level; values outside the range are clamped."""
    import torch

    return images.detach().float().add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
