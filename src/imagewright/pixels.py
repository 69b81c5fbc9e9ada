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


def to_levels(images: Tensor) -> Tensor:
    """Float images in [-1, 1] to the numbers 0 to 255 that they were made of (`to_float`), int64."""
    return images.detach().float().add(1).mul(127.5).round().long()


def label_colours(labels: Tensor) -> Tensor:
    """A colour for each class, to show a label map: integers (N, H, W) to float (N, 3, H, W) in [-1, 1].

    Hues follow one another by the golden ratio, so that classes of near numbers have colours that differ; class 0 is
    dark.
    """
    import torch

    numbers = torch.arange(256, device=labels.device)
    hue = (numbers * 0.618034).remainder(1)[:, None] + torch.tensor([0, 1 / 3, 2 / 3], device=labels.device)
    colours = torch.cos(2 * torch.pi * hue) * 0.7 + 0.2 - 0.3 * (numbers % 3 - 1)[:, None]
    colours[0] = -0.9
    return colours.clamp(-1, 1)[labels].movedim(-1, 1)
