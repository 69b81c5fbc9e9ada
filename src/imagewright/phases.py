"""How a model is trained: phases, the step they see, and the numbers a model recommends for its training.

Training knows a model through this file alone. A VAE has one phase, a DCGAN two, a StyleGAN2 four, two of them lazy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from imagewright import configs

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


@dataclass(frozen=True)
class Recipe:
    """The numbers a model recommends for its training; each gives way to the user's option of the same name."""

    images_seen: int = 200_000
    batch_size: int = 64
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    ema_half_life: int = 0  # images over which half of the moving average is renewed; 0: no average
    # What a network's learning rate is multiplied by, for networks that learn at another speed than the rest.
    rates: dict[str, float] = field(default_factory=dict)


class Stream(Protocol):
    """A set of images that a closed-form fit may pass over, as often as it needs, never holding all of it."""

    @property
    def labels(self) -> Tensor | None:
        """int64 (N,), in the order of the batches."""
        ...

    def __len__(self) -> int: ...

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        """One pass in order: float32 (N, C, H, W) in [-1, 1]."""
        ...


class Model(nn.Module):
    """Networks or closed-form statistics with a config. What it can do with images is in `capabilities`.

    Sub-classes are trained by `phases`, or in closed form by `fit`. All state that training changes is a parameter or
    a buffer, so that a resumed run is exact.
    """

    Config: ClassVar[type[configs.Config]]
    averaged: ClassVar[tuple[str, ...]] = ()  # networks of which a moving average is kept and used by the verbs
    config: configs.Config

    def __init__(self, config: configs.Config) -> None:
        super().__init__()
        self.config = config

    @property
    def recipe(self) -> Recipe:
        """What to train with unless the user says otherwise."""
        return Recipe()

    def phases(self) -> list[Phase]:
        """The updates of one step, in their order. None: the model is fitted in closed form."""
        return []

    @classmethod
    def is_closed_form(cls) -> bool:
        """Whether `fit` trains it, in one go, and not phases."""
        return cls.phases is Model.phases

    def fit(self, images: Stream) -> None:
        """Fit in closed form, in passes over the stream."""
        raise NotImplementedError(f"{type(self).__name__} is trained by its phases")

    def advance(self, images_seen: int) -> None:
        """Move schedules (growing, decays, augmentation strength) to this point of training."""

    def readings(self, losses: dict[str, float]) -> dict[str, float]:
        """Figures to log that follow from the mean losses of a report, named `"phase/term"`: a bound in other units."""
        return {}

    def make_room(self, state: dict[str, Tensor]) -> None:
        """Give buffers whose size is only known after `fit` the shapes of the state about to be loaded."""

    @property
    def device(self) -> torch.device:
        """Where the model's tensors are."""
        return next((tensor.device for tensor in (*self.parameters(), *self.buffers())), torch.device("cpu"))
