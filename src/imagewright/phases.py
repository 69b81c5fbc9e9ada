"""The updates of a training step: phases, the micro-batch that their losses see, and its random numbers.

A VAE has one phase, a DCGAN two, a StyleGAN2 four, two of them lazy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imagewright import distributed

Terms = dict[str, Tensor]
"""Named scalars. Training minimises their sum and logs each. Empty: there is nothing to do in this step."""


@dataclass(frozen=True)
class Draws:
    """Random numbers for the rows of one micro-batch, the same however the global batch is split.

    Each method samples for all rows of the global batch, from a generator seeded by run, step and phase, and returns
    the rows of this micro-batch: two ranks then see the numbers that one rank would.
    """

    generator: torch.Generator
    global_rows: int
    first_row: int
    rows: int

    def normal(self, *shape: int) -> Tensor:
        """(rows, *shape) from N(0, 1)."""
        return self._own(torch.randn(self.global_rows, *shape, generator=self.generator, device=self.generator.device))

    def uniform(self, *shape: int) -> Tensor:
        """(rows, *shape) from U[0, 1)."""
        return self._own(torch.rand(self.global_rows, *shape, generator=self.generator, device=self.generator.device))

    def integers(self, high: int, *shape: int) -> Tensor:
        """int64 (rows, *shape), each from 0 to high - 1 with equal probability."""
        size = (self.global_rows, *shape)
        return self._own(torch.randint(high, size, generator=self.generator, device=self.generator.device))

    def whole(self, *shape: int) -> Tensor:
        """(*shape) from U[0, 1), equal for all rows and ranks: one decision for the global batch."""
        return torch.rand(shape, generator=self.generator, device=self.generator.device)

    def _own(self, sampled: Tensor) -> Tensor:
        return sampled[self.first_row : self.first_row + self.rows]


@dataclass(kw_only=True)
class Rows:
    """The images that one feed gives to a micro-batch, with their annotations.

    images: (N, C, H, W) in [-1, 1].
    labels: int64 (N,), or None if the source has none.
    attributes: (N, A) in {0, 1}, or None.
    layers: by name; pictures (N, C, H, W) in [-1, 1], label maps and instance ids int64 (N, H, W).
    """

    images: Tensor
    labels: Tensor | None = None
    attributes: Tensor | None = None
    layers: dict[str, Tensor] = field(default_factory=dict)


@dataclass(kw_only=True)
class Step(Rows):
    """What a phase's loss sees: a micro-batch of the model's first feed, and the place in training.

    index: of the optimisation step, from 0.
    images_seen: before this step.
    draws: random numbers of this micro-batch and phase.
    feeds: the rows of the model's other feeds by name; `step["b"]` is short for `step.feeds["b"]`.
    shared: lives for one step: an earlier phase hands detached tensors to later ones.
    """

    index: int
    images_seen: int
    draws: Draws
    feeds: dict[str, Rows] = field(default_factory=dict)
    shared: dict[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, feed: str) -> Rows:
        return self.feeds[feed]

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """`shared[name]`; the first phase that asks makes it, without gradient."""
        if name not in self.shared:
            with torch.no_grad():
                self.shared[name] = make()
        return self.shared[name]

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over all ranks, detached: for statistics that steer training. All ranks call it."""
        value = value.detach().clone()
        distributed.average_([value])
        return value

    def gather(self, rows: Tensor) -> Tensor:
        """The rows (N, ...) of all ranks, in the order of the global batch, detached. All ranks call it."""
        return distributed.gather_rows(rows.detach())


@dataclass(frozen=True)
class Phase:
    """One kind of update: which networks move, along which loss, how often.

    updates: names of sub-modules, dotted for inner ones ("generator.enhancer"); all other networks are held. Over all
        phases the names are equal or name disjoint sub-trees.
    every: runs in one step of `every`.
    lazy: a regulariser: its loss is multiplied by `every`, and the optimizer's rate and betas are corrected for it.
    since, until: images seen from which on it runs, and before which.
    """

    name: str
    updates: tuple[str, ...]
    loss: Callable[[Step], Terms]
    every: int = 1
    lazy: bool = False
    since: int = 0
    until: int | None = None

    def is_due(self, index: int, images_seen: int) -> bool:
        """Whether it runs in step `index`, which starts at `images_seen`."""
        started = self.since <= images_seen and (self.until is None or images_seen < self.until)
        return started and index % self.every == 0
