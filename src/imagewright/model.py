"""The contract between a model and training: configuration, feeds, phases or a closed-form fit, and a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from imagewright import configs
from imagewright.errors import ConfigError
from imagewright.fit_work import FitWork
from imagewright.phases import Phase
from imagewright.recipe import Recipe


@dataclass(frozen=True)
class Feed:
    """A stream of rows that the steps of a training read. Its order is seeded by the name of the feed.

    source: the source of the images, one of `Config.sources`.
    repeats: images a row; `Rows.images` is then (N * repeats, C, H, W), with the images of a row next to one another.
    same_class: whether all images of a row are of one class. The source then needs labels.
    balanced: whether every class comes equally often. The source then needs labels.
    """

    source: str = "images"
    repeats: int = 1
    same_class: bool = False
    balanced: bool = False

    @property
    def needs_labels(self) -> bool:
        """Whether the source must have labels."""
        return self.balanced or (self.same_class and self.repeats > 1)


class Stream(Protocol):
    """A set of images that a closed-form fit reads in passes, so that it need not fit in memory."""

    @property
    def labels(self) -> Tensor | None:
        """int64 (N,), in the order of the batches; None if the source has no labels."""
        ...

    def __len__(self) -> int: ...

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        """One pass over the images in a fixed order: float32 (N, C, H, W) in [-1, 1], N at most `batch_size`."""
        ...


@dataclass(frozen=True)
class Origin:
    """Where a model was loaded from.

    path: the run directory or the weights file.
    images_seen: images seen in training up to that checkpoint; None if it is not known.
    """

    path: Path
    images_seen: int | None


class Model(nn.Module):
    """The base of all models: networks or closed-form statistics, with a configuration.

    Sub-classes are trained by `phases`, or in closed form by `fit`. What a model can do with images is declared by the
    protocols of `capabilities.py`. All state that training changes must be a parameter or a buffer, so that a resumed
    run is exact. With several ranks, the running statistics of norm layers are averaged at each checkpoint; the model
    itself must keep all other buffers equal on all ranks (`Step.mean`, `Step.gather`, `Draws.whole`).

    Config: the class of the configuration.
    feeds: the feeds that a step reads, by name. The rows of the first one are `step.images`.
    averaged: names of the networks whose moving average the verbs use.
    precisions: in which it can be trained, the safest first. `--precision auto` chooses among them.
    sums_over_ranks: whether `fit` sums over passes by `statistics/` and is the same each time, so that several ranks
        share its passes. Else the main rank fits alone.
    """

    Config: ClassVar[type[configs.Config]]
    feeds: ClassVar[Mapping[str, Feed]] = {"images": Feed()}
    averaged: ClassVar[tuple[str, ...]] = ()
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "bf16")
    sums_over_ranks: ClassVar[bool] = False
    config: configs.Config
    origin: Origin | None = None  # set by `load`; provenance records of the model's pictures name it

    def __init__(self, config: configs.Config) -> None:
        super().__init__()
        if isinstance(config, configs.LayeredConfig):
            made = config.layer_channels[config.input_layers[-1]]
            if made != config.channels:
                raise ConfigError(
                    f"The network makes {made} channels, and pictures here have {config.channels}: a run needs 1, 3 or "
                    "4 (grey, RGB, RGBA). A network of others is loaded alone, by imagewright.checkpoints.load_network."
                )
        self.config = config

    def recipe(self, images_seen: int = 0) -> Recipe:
        """The recommended numbers of a training at one of its points.

        images_seen: the point, in images of the recommended length `recipe().images_seen`. A training of another length
            runs the same schedule faster or slower.

        The result must depend on the config and on `images_seen` alone.
        """
        return Recipe()

    def phases(self) -> list[Phase]:
        """The updates of one training step, in their order. A model fitted in closed form does not override it."""
        return []

    @classmethod
    def is_closed_form(cls) -> bool:
        """Whether the model is fitted by `fit` instead of being trained by phases."""
        return cls.phases is Model.phases

    def fit(self, images: Stream) -> None:
        """Fit the model in closed form.

        images: the training images, read in passes.

        Raises `NotImplementedError` if the model is trained by phases.
        """
        raise NotImplementedError(f"{type(self).__name__} is trained by its phases")

    def describe_fit(self) -> Sequence[str]:
        """Sentences for the user on what `fit` found."""
        return ()

    def check_images(self, images: Stream) -> None:
        """Raise `UserError` for images that `fit` would refuse, as far as their number, labels and first pictures tell.

        Called before a run is begun, and by the plan of a training, which then refuse the same images in the same
        words. A model that is trained by phases is not asked.

        images: the training images.
        """

    def fit_work(self, count: int) -> FitWork | None:
        """What `fit` would hold and compute for so many pictures, from sizes alone; None if it is not counted.

        Asked of a model whose tensors may have no values (`memoryless.without_memory`), and of one that was fitted to
        some of the pictures: it may then count by what that fit found, such as the passes that it took.
        """
        return None

    def equip(self) -> Sequence[str] | None:
        """Fetch the networks that training needs and no file of the model holds (`Frozen`). Called before training.

        Returns notes for the user, such as which of several networks was found.
        """
        return ()

    def initialise_from(self, images: Stream, seed: int) -> Sequence[str]:
        """Set buffers by the training images, before the first step of a new training (data-dependent initialisation).

        images: of the first source, without those held out; of many a sample. With several ranks, one calls it, and
            all get its buffers.
        seed: of all that is random.

        Returns notes for the user. A model whose weights were taken from another run may have been initialised by its
        images. Such buffers are in no network of `averaged`: they would be averaged from their values before.
        """
        return ()

    def advance(self, images_seen: int) -> tuple[str, ...]:
        """Set the model's own schedules (growth, decays) to a point of the training. Called before each step.

        images_seen: the point, in images of the recommended length, as for `recipe`.

        Returns the names of the networks whose optimizers are to be reset, for instance because the network has grown.
        All parameters must exist from the start; a buffer holds how far the model has grown.
        """
        return ()

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        """Figures to log that follow from the losses, such as a bound in bits a pixel.

        losses: the mean of each term since the previous report, by `"phase/term"`. A term that no step had is missing.
        """
        return {}

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        """Give buffers whose size is only known after `fit` the shapes of the state about to be loaded."""

    @property
    def device(self) -> torch.device:
        """The device of the model's parameters and buffers; the CPU if it has none."""
        return next((tensor.device for tensor in chain(self.parameters(), self.buffers())), torch.device("cpu"))


class Frozen(nn.Module):
    """A network that a loss needs and that is never trained, such as a perceptual loss's.

    It moves between devices with the model, and is in no state dict and no optimizer. It is empty until `Model.equip`
    calls `hold`, so that loading a model downloads nothing.

    network: the network; None before `hold`.
    """

    network: nn.Module | None

    def __init__(self, network: nn.Module | None = None) -> None:
        super().__init__()
        self.hold(network)

    def hold(self, network: nn.Module | None) -> None:
        """Set the network, in evaluation mode and without gradients for its weights; None removes it."""
        # Set without nn.Module's registration, which would put it into state dicts and among the parameters.
        self.__dict__["network"] = None if network is None else network.requires_grad_(False).eval()

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Evaluate the network. Raises `RuntimeError` before `hold`."""
        if self.network is None:
            raise RuntimeError("This network was not fetched: call `Model.equip` before training.")
        return self.network(*inputs, **options)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Frozen:
        super()._apply(fn, recurse)
        if self.network is not None:
            self.network._apply(fn)
        return self
