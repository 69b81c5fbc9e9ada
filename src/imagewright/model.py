"""The contract between a model and training: configuration, phases or a closed-form fit, and a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from imagewright import configs
from imagewright.phases import Phase
from imagewright.recipe import Recipe


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


@dataclass(frozen=True)
class Origin:
    """The run directory or weights file that a model was loaded from, and the images it had seen (None: unknown)."""

    path: Path
    images_seen: int | None


class Model(nn.Module):
    """Networks or closed-form statistics with a config. What it can do with images is in `capabilities`.

    Sub-classes are trained by `phases`, or in closed form by `fit`. All state that training changes is a parameter or
    a buffer, so that a resumed run is exact.
    """

    Config: ClassVar[type[configs.Config]]
    averaged: ClassVar[tuple[str, ...]] = ()  # networks of which a moving average is kept and used by the verbs
    config: configs.Config
    origin: Origin | None = None  # set by `load`: the provenance record of what the model makes names it

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
