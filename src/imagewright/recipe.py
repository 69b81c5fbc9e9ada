"""The numbers that a model recommends for its training, at each point of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """How a network is updated. Adam: Kingma & Ba 2015, arXiv:1412.6980; RMSprop: Tieleman & Hinton 2012.

    betas: decay rates of the two moments; of RMSprop the second one alone is used, for the squared gradient.
    weight_decay: added to the gradient, times the weight (L2), as the published systems have it.
    clip: largest norm of the network's gradient; None does not clip.
    """

    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    clip: float | None = None
    kind: Literal["adam", "rmsprop"] = "adam"


@dataclass(frozen=True, kw_only=True)
class Average:
    """The moving average of `Model.averaged` networks, which the verbs use. Karras et al. 2018, arXiv:1710.10196.

    half_life: images over which half of the average is renewed; 0 keeps no average.
    ramp_up: early in training the half-life is at most this share of the images seen (StyleGAN2); 0 has no ramp.
    start: images seen up to which the average is a copy of the weights.
    buffers: whether floating-point buffers are averaged like weights, or copied.
    """

    half_life: int = 0
    ramp_up: float = 0.05
    start: int = 0
    buffers: Literal["mean", "copy"] = "mean"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a model recommends at one point of its training. A user's option replaces the number of its name.

    images_seen: the length of the training, repeats counted.
    batch_size: images of one step, over all ranks together.
    optimizer: of each network that `optimizers` does not name.
    optimizers: by the name that phases give the network.
    flip: whether mirrored images are as good as the images, so that views are mirrored at random.
    """

    images_seen: int = 200_000
    batch_size: int = 64
    optimizer: Optimizer = field(default_factory=Optimizer)
    optimizers: Mapping[str, Optimizer] = field(default_factory=dict)
    average: Average = field(default_factory=Average)
    flip: bool = False

    def optimizer_for(self, network: str) -> Optimizer:
        """The optimizer of a network, by the name that phases give it."""
        return self.optimizers.get(network, self.optimizer)
