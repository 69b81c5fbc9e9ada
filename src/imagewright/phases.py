"""The updates of a training step: phases, the micro-batch that their losses see, and its random numbers.

A VAE has one phase, a DCGAN two, a StyleGAN2 four, two of them lazy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

Terms = dict[str, Tensor]
"""Named scalars: their sum is minimised, each is logged. Empty: nothing to do in this step."""


@dataclass(frozen=True)
class Draws:
    """Random numbers for the rows of one micro-batch, the same however the global batch is split.

    Each draw is made for all rows of the global batch, from a generator seeded by run, step and phase, and cut to the
    rows at hand: two ranks then see the numbers that one rank would.
    """

    generator: torch.Generator
    global_rows: int
    first_row: int
    rows: int

    def normal(self, *shape: int) -> Tensor:
        """(rows, *shape) from N(0, 1)."""
        return self._cut(torch.randn(self.global_rows, *shape, generator=self.generator, device=self.generator.device))

    def uniform(self, *shape: int) -> Tensor:
        """(rows, *shape) from U[0, 1)."""
        return self._cut(torch.rand(self.global_rows, *shape, generator=self.generator, device=self.generator.device))

    def _cut(self, drawn: Tensor) -> Tensor:
        return drawn[self.first_row : self.first_row + self.rows]


@dataclass
class Step:
    """What a phase's loss sees: a micro-batch of images and the place in training."""

    images: Tensor  # (N, C, H, W) in [-1, 1]
    index: int  # of the optimisation step, from 0
    images_seen: int  # before this step
    draws: Draws
    labels: Tensor | None = None  # int64 (N,)
    attributes: Tensor | None = None  # (N, A) in {0, 1}
    # Lives for one step: an earlier phase hands tensors to later ones. Detached only: gradients do not cross phases.
    shared: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One kind of update: which networks move, along which loss, how often."""

    name: str
    updates: tuple[str, ...]  # names of sub-modules; all others are held
    loss: Callable[[Step], Terms]
    every: int = 1  # runs one step in `every`
    lazy: bool = False  # a regulariser: scaled by `every`, and its Adam rate and betas corrected for it
