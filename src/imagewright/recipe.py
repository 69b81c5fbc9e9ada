"""The numbers that a model recommends for its training, which may change during it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """The hyperparameters of one network's optimizer.

    learning_rate: before schedule and warm-up of the training.
    betas: decay rates of the two moments. RMSprop uses the second one alone, for the squared gradient; SGD the first
        one alone, as its momentum.
    eps: added to the root of the second moment.
    weight_decay: weight of an L2 penalty, whose gradient is added to the loss's (not decoupled as in AdamW).
    clip: largest norm of the network's gradient, which is scaled down to it; None does not clip.
    kind: adam (Kingma & Ba 2015, arXiv:1412.6980), rmsprop (Tieleman & Hinton 2012) or sgd (with momentum as in Polyak
        1964).
    """

    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    clip: float | None = None
    kind: Literal["adam", "rmsprop", "sgd"] = "adam"


@dataclass(frozen=True, kw_only=True)
class Average:
    """The exponential moving average (EMA) of the networks `Model.averaged`, which the verbs use.

    Karras et al. 2018 (ProGAN), arXiv:1710.10196, appendix A.1; the ramp-up is StyleGAN2's.

    half_life: images after which the old average weighs one half; 0: there is no average.
    ramp_up: the half-life is at most this share of the images seen, so that it is short at first; 0: no ramp-up.
    start: images seen up to which the average is a copy of the weights, in images of the recommended length.
    buffers: "mean" averages floating-point buffers as weights are; "copy" copies them.
    """

    half_life: int = 0
    ramp_up: float = 0.05
    start: int = 0
    buffers: Literal["mean", "copy"] = "mean"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The numbers that a model recommends at one point of its training. A user's option replaces its number.

    images_seen: the length of the training in images, repeats counted.
    batch_size: images of one step, over all ranks together.
    optimizer: for every network that `optimizers` does not name.
    optimizers: by network, named as in `Phase.updates`.
    average: of the networks that `Model.averaged` names.
    load_ratio: images are resized to so many times their size, and cropped to it at random, if it is above 1. Images
        that were opened with a load size of their own (`--load-size`) or with `--crop random` keep it.
    flip: whether to mirror images at random, because mirror images are as likely as the images themselves. Images that
        were opened with a choice of their own (`--flip`, `--no-flip`) keep it.
    """

    images_seen: int = 200_000
    batch_size: int = 64
    optimizer: Optimizer = field(default_factory=Optimizer)
    optimizers: Mapping[str, Optimizer] = field(default_factory=dict)
    average: Average = field(default_factory=Average)
    load_ratio: float = 1.0
    flip: bool = False

    def optimizer_for(self, network: str) -> Optimizer:
        """The hyperparameters of a network, named as in `Phase.updates`."""
        return self.optimizers.get(network, self.optimizer)
