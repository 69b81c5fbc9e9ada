"""The contract between a model and training: configuration, feeds, phases or a closed-form fit, and a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from imagewright import configs
from imagewright.phases import Phase
from imagewright.recipe import Recipe


@dataclass(frozen=True)
class Feed:
    """A stream of rows for the steps of a training, in an order of its own, seeded by the feed's name.

    source: the run's source that the images come from, one of `Config.sources`.
    repeats: images a row; `Rows.images` is then (N * repeats, C, H, W), the images of a row next to one another.
    same_class: the images of a row are of one class. The source then needs labels.
    balanced: every class comes equally often. The source then needs labels.
    """

    source: str = "images"
    repeats: int = 1
    same_class: bool = False
    balanced: bool = False

    @property
    def needs_labels(self) -> bool:
        return self.same_class or self.balanced


class Stream(Protocol):
    """A set of images that a closed-form fit reads in passes, without holding all of it."""

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
    a buffer, so that a resumed run is exact. Over several ranks the running statistics of norm layers are averaged at
    each checkpoint; the model keeps all other buffers equal on all ranks (`Step.mean`, `Step.gather`, `Draws.whole`).

    feeds: the rows that a step consists of, by name. The first one is `step.images`.
    averaged: networks of which a moving average is kept, which the verbs use.
    """

    Config: ClassVar[type[configs.Config]]
    feeds: ClassVar[Mapping[str, Feed]] = {"images": Feed()}
    averaged: ClassVar[tuple[str, ...]] = ()
    config: configs.Config
    origin: Origin | None = None  # set by `load`: the provenance record of what the model makes names it

    def __init__(self, config: configs.Config) -> None:
        super().__init__()
        self.config = config

    def recipe(self, images_seen: int = 0) -> Recipe:
        """What to train with at a point of the training; without one, what training starts with.

        Must depend on nothing but the config and `images_seen`. Schedules are measured in images of the recommended
        length, `recipe().images_seen`: training for a shorter or longer time runs the same schedule faster or slower.
        """
        return Recipe()

    def phases(self) -> list[Phase]:
        """The updates of one step, in their order. Empty: the model is fitted in closed form."""
        return []

    @classmethod
    def is_closed_form(cls) -> bool:
        """Whether `fit` trains it, in one go, instead of phases."""
        return cls.phases is Model.phases

    def fit(self, images: Stream) -> None:
        """Fit in closed form, in passes over the stream."""
        raise NotImplementedError(f"{type(self).__name__} is trained by its phases")

    def equip(self) -> None:
        """Fetch what training needs and the model's file does not hold (`Frozen` networks). Called before training."""

    def advance(self, images_seen: int) -> tuple[str, ...]:
        """Move schedules (growth, decays) to this point of training, on the clock of `recipe`.

        Returns the names of networks whose optimizers start anew, as where a network grows. All parameters exist from
        the start; a buffer says how far the model has grown.
        """
        return ()

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        """Figures to log that follow from the mean losses of a report, named `"phase/term"`: a bound in other units."""
        return {}

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        """Give buffers whose size is only known after `fit` the shapes of the state about to be loaded."""

    @property
    def device(self) -> torch.device:
        """The device of the model's tensors."""
        return next((tensor.device for tensor in (*self.parameters(), *self.buffers())), torch.device("cpu"))


class Frozen(nn.Module):
    """A network that a loss needs and nothing trains: it moves with the model, and no file or optimizer holds it.

    Empty until `Model.equip` calls `hold`, so that loading a model fetches nothing.
    """

    network: nn.Module | None

    def __init__(self, network: nn.Module | None = None) -> None:
        super().__init__()
        self.hold(network)

    def hold(self, network: nn.Module | None) -> None:
        """Take a network, in evaluation mode and without gradients to its weights."""
        # Past nn.Module's registration: a sub-module would be in state dicts and among the parameters.
        self.__dict__["network"] = None if network is None else network.requires_grad_(False).eval()

    def forward(self, *inputs: Any, **options: Any) -> Any:
        if self.network is None:
            raise RuntimeError("This network was not fetched: `Model.equip` fetches it before training.")
        return self.network(*inputs, **options)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Frozen:
        super()._apply(fn, recurse)
        if self.network is not None:
            self.network._apply(fn)
        return self
