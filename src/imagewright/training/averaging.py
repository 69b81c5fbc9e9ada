"""Moving averages of networks' weights: what the verbs use of a model trained adversarially.

Karras et al. 2018 (ProGAN), arXiv:1710.10196, appendix A.1; the half-life in images and its ramp-up as in StyleGAN2.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from imagewright.recipe import Average


class Averages:
    """The average of each named network of a model, buffers included: running statistics must fit the weights.

    settings: of the training's start. Without a half-life there, no average is kept.
    """

    def __init__(self, model: nn.Module, names: tuple[str, ...], settings: Average) -> None:
        self.networks = {name: model.get_submodule(name) for name in names} if settings.half_life else {}
        self.copies = {name: copy.deepcopy(network).requires_grad_(False) for name, network in self.networks.items()}

    def update(self, images_seen: int, batch_size: int, settings: Average) -> None:
        """Move the averages after a step of `batch_size` images that brought training to `images_seen`."""
        share = new_share(images_seen, batch_size, settings)
        for name, network in self.networks.items():
            averaged, copied = _pairs(self.copies[name], network, settings)
            with torch.no_grad():
                torch._foreach_lerp_([mean for mean, _ in averaged], [new for _, new in averaged], share)
                for mean, new in copied:
                    mean.copy_(new)

    @contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """Within the block, the model's networks hold their averages."""
        self._swap(model)
        try:
            yield
        finally:
            self._swap(model)

    def _swap(self, model: nn.Module) -> None:
        for name, copied in self.copies.items():
            for mean, new in zip(_tensors(copied), _tensors(model.get_submodule(name)), strict=True):
                mean.data, new.data = new.data, mean.data


def new_share(images_seen: int, batch_size: int, settings: Average) -> float:
    """The weight of the new weights in an average after a step that brought training to `images_seen`."""
    half_life = float(settings.half_life)
    if settings.ramp_up:
        half_life = min(half_life, settings.ramp_up * images_seen)
    if images_seen <= settings.start or not half_life:
        return 1.0
    return float(1 - 0.5 ** (batch_size / half_life))


Pairs = list[tuple[Tensor, Tensor]]


def _pairs(average: nn.Module, network: nn.Module, settings: Average) -> tuple[Pairs, Pairs]:
    """Tensors of two equal networks side by side: the ones that are averaged, and the ones that are copied."""
    weights = list(zip(average.parameters(), network.parameters(), strict=True))
    buffers = list(zip(average.buffers(), network.buffers(), strict=True))
    averaged = [pair for pair in buffers if pair[0].is_floating_point() and settings.buffers == "mean"]
    copied = [pair for pair in buffers if not (pair[0].is_floating_point() and settings.buffers == "mean")]
    return [*weights, *averaged], copied


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
