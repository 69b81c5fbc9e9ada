"""Which augmentations are applied how often, and their random numbers: sampled, or all at one percentile.

Karras et al. 2020 (ADA), arXiv:2006.06676, appendix B. Shape letters: N batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor

from imagewright.memoryless import with_values


@dataclass(frozen=True, kw_only=True)
class Multipliers:
    """Of each operation, the factor of the probability with which it is applied; 0 leaves it out.

    In the order in which they are applied: geometry, from mirroring to moves by fractions of pixels; colour, from
    brightness to saturation (hue and saturation: of RGB only); then frequency bands, noise and a cut-out square.
    """

    mirror: float = 0.0
    quarter_turn: float = 0.0
    whole_move: float = 0.0
    scale: float = 0.0
    rotation: float = 0.0
    stretch: float = 0.0
    move: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    luma_flip: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    bands: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0

    @classmethod
    def of_groups(
        cls,
        *,
        blitting: float = 0.0,
        geometry: float = 0.0,
        colour: float = 0.0,
        bands: float = 0.0,
        noise: float = 0.0,
        cutout: float = 0.0,
    ) -> Multipliers:
        """The same factor for all operations of each group of the paper.

        blitting: mirroring, quarter turns, moves by whole pixels, which need no resampling.
        geometry: scales, rotations, stretching, moves by fractions.
        """
        return cls(
            **dict.fromkeys(("mirror", "quarter_turn", "whole_move"), blitting),
            **dict.fromkeys(("scale", "rotation", "stretch", "move"), geometry),
            **dict.fromkeys(("brightness", "contrast", "luma_flip", "hue", "saturation"), colour),
            bands=bands,
            noise=noise,
            cutout=cutout,
        )


class Numbers(Protocol):
    """A source of random numbers for N images, such as the draws of a training step (`phases.Draws`)."""

    def normal(self, *shape: int) -> Tensor:
        """(N, *shape) from N(0, 1)."""
        ...

    def uniform(self, *shape: int) -> Tensor:
        """(N, *shape) from U[0, 1)."""
        ...


@dataclass(frozen=True)
class Percentile:
    """Numbers that are all at one percentile, and every operation applied once: to compare implementations.

    share: the percentile from 0 to 1. Normal numbers are erfinv(2 share - 1), without the root of 2 that belongs there,
        as published.
    rows: N.
    """

    share: float
    rows: int

    def normal(self, *shape: int) -> Tensor:
        return torch.erfinv(2 * self.uniform(*shape) - 1)

    def uniform(self, *shape: int) -> Tensor:
        return torch.full((self.rows, *shape), self.share)


@lru_cache(maxsize=256)
def constant(values: tuple[Any, ...], device: torch.device) -> Tensor:
    """The float32 tensor of nested tuples, kept on the device: a captured step must copy nothing from the host."""
    with torch.inference_mode(False), with_values():
        return torch.tensor(values, dtype=torch.float32, device=device)


def choose(numbers: Numbers, probability: Tensor, values: Tensor, neutral: float, *, again: bool = False) -> Tensor:
    """(N, ...): the values of the images to which an operation is applied, and the neutral one for others.

    probability: a scalar, for each image.
    values: (N, ...), of the operation.
    again: whether the same operation was already tried. At a percentile it is not applied twice.
    """
    if isinstance(numbers, Percentile):
        return torch.full_like(values, neutral) if again else values
    chosen = numbers.uniform() < probability
    return torch.where(chosen.view(-1, *[1] * (values.ndim - 1)), values, neutral)
