"""The updates of a training step: phases, the micro-batch that a loss receives, and its random numbers.

A VAE has one phase; a DCGAN has two; StyleGAN2 has four, two of them lazy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imagewright import distributed

Terms = dict[str, Tensor]
"""Scalar losses by name. Training minimises their sum and logs each. An empty dict skips the update in this step."""


@dataclass(frozen=True)
class Draws:
    """Random numbers for the rows of one micro-batch, which do not depend on how the global batch is split.

    Each method samples for all rows of the global batch, from a generator seeded by run, step and phase, and returns
    the rows of this micro-batch. Two ranks together then use the same numbers as one rank.

    generator: seeded before the phase's loss is called, on the device of the model.
    global_rows: rows of the global batch.
    first_row: where this micro-batch starts in the global batch.
    rows: rows of this micro-batch.
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
        """(*shape) from U[0, 1), equal on all ranks: for a decision that holds for the global batch."""
        return torch.rand(shape, generator=self.generator, device=self.generator.device)

    def _own(self, sampled: Tensor) -> Tensor:
        return sampled[self.first_row : self.first_row + self.rows]


@dataclass(kw_only=True)
class Rows:
    """The images of one feed in a micro-batch, with their annotations.

    images: float32 (N, C, H, W) in [-1, 1].
    labels: int64 (N,), or None if the source has no labels.
    attributes: float32 (N, A), each 0 or 1, or None if the source has no attributes.
    layers: by name: pictures, float32 (N, C, H, W) in [-1, 1]; label maps and instance ids, int64 (N, H, W).
    """

    images: Tensor
    labels: Tensor | None = None
    attributes: Tensor | None = None
    layers: dict[str, Tensor] = field(default_factory=dict)


@dataclass(kw_only=True)
class Step(Rows):
    """The argument of a phase's loss: a micro-batch of the model's first feed, and the point of the training.

    index: number of the optimisation step, from 0.
    images_seen: images seen before this step, as counted: not in images of the recommended length.
    draws: random numbers of this micro-batch and phase.
    feeds: the rows of the model's other feeds by name; `step["b"]` is short for `step.feeds["b"]`.
    shared: detached tensors by name, which a phase leaves for later phases of the same step and micro-batch.
    kept: tensors by name with their graphs, likewise (`reuse`).
    keeps: whether the engine keeps graphs of the present phase: see `Phase.serves`.
    """

    index: int
    images_seen: int
    draws: Draws
    feeds: dict[str, Rows] = field(default_factory=dict)
    shared: dict[str, Tensor] = field(default_factory=dict)
    kept: dict[str, Tensor] = field(default_factory=dict)
    keeps: bool = False

    def __getitem__(self, feed: str) -> Rows:
        """The rows of one of the model's other feeds."""
        return self.feeds[feed]

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """`shared[name]`, computed by `make` without gradient if no phase of this step has stored it yet."""
        if name not in self.shared:
            with torch.no_grad():
                self.shared[name] = make()
        return self.shared[name]

    def reuse(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """`make()`; or, with its graph, what an earlier phase of this step made under this name, if that was kept."""
        if name in self.kept:
            return self.kept[name]
        made = make()
        if self.keeps:
            self.kept[name] = made
        return made

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over all ranks, detached: for statistics that control the training.

        All ranks must call it in the same order. Every rank counts equally, whatever its number of rows.
        """
        value = value.detach().clone()
        distributed.average_([value])
        return value

    def gather(self, rows: Tensor) -> tuple[Tensor, slice]:
        """The rows of this micro-batch of all ranks (N, ...) by rank, detached, and the place of this rank's rows.

        All ranks must call it. A step of several micro-batches gathers each of them by itself, so that a model that
        gathers, or takes a `mean`, depends on the size of micro-batches.
        """
        rank, count = distributed.rank(), len(rows)
        return distributed.gather_rows(rows.detach()), slice(rank * count, (rank + 1) * count)


@dataclass(frozen=True)
class Phase:
    """One update of a training step: which networks move, by which loss, and how often.

    name: the first part of the names of its terms in the log, `"name/term"`.
    updates: names of sub-modules, dotted for inner ones ("generator.enhancer"); all other networks are frozen during
        the phase. Two names, of one phase or of two, must be equal or name disjoint sub-modules.
    loss: from a micro-batch to named terms; or a generator function, which yields them in parts. The gradients of a
        part are computed before the next part is built, so that the graphs of two parts are never in memory together.
        The gradients of all parts are summed, and the networks move once. No name is in two parts.
    every: the phase runs in one step of `every`.
    lazy: whether it is a lazy regulariser: its loss is multiplied by `every`, and learning rate and betas of its
        networks are corrected (Karras et al. 2019, arXiv:1912.04958, appendix B).
    since: images seen from which on it runs, in images of the recommended length (`Model.recipe`).
    until: images seen before which it runs, likewise; None is without an end.
    serves: networks that this phase evaluates but does not move, for a later phase that moves them and takes the same
        evaluation by `Step.reuse`: its graph then holds their weights, too. Equal to two evaluations up to the order of
        sums, except that batch statistics are noted once.
    """

    name: str
    updates: tuple[str, ...]
    loss: Callable[[Step], Terms | Iterator[Terms]]
    every: int = 1
    lazy: bool = False
    since: int = 0
    until: int | None = None
    serves: tuple[str, ...] = ()

    def is_due(self, index: int, images_seen: int) -> bool:
        """Whether the phase runs in a step.

        index: number of the step, from 0.
        images_seen: before the step, in images of the recommended length.
        """
        started = self.since <= images_seen and (self.until is None or images_seen < self.until)
        return started and index % self.every == 0

    def parts(self, step: Step) -> Iterator[Terms]:
        """The terms of a micro-batch part by part; a loss that returns all of them at once has one part."""
        found = self.loss(step)
        yield from (found,) if isinstance(found, dict) else found

    def terms(self, step: Step) -> Terms:
        """The terms of all parts, for those who need no gradients, or have memory for all graphs."""
        return {name: term for part in self.parts(step) for name, term in part.items()}
