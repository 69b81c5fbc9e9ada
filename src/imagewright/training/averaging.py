"""Moving averages of networks' weights: what the verbs use of a model trained adversarially.

Karras et al. 2018 (ProGAN), arXiv:1710.10196, appendix A.1; the half-life in images and its ramp-up as in StyleGAN2.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# Early in training the half-life is this share of the images seen: the average must forget the random start.
RAMP_UP = 0.05


class Averages:
    """The average of each named network of a model, buffers included: running statistics must fit the weights."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], half_life: int) -> None:
        self.half_life = half_life
        self.networks = {name: model.get_submodule(name) for name in names} if half_life else {}
        self.copies = {name: copy.deepcopy(network).requires_grad_(False) for name, network in self.networks.items()}

    def update(self, images_seen: int, batch_size: int) -> None:
        """Move the averages after a step that brought training to `images_seen`."""
        if not self.networks:
            return
        half_life = min(float(self.half_life), RAMP_UP * images_seen)
        share = 1 - 0.5 ** (batch_size / half_life)
        for name, network in self.networks.items():
            floating, others = _pairs(self.copies[name], network)
            with torch.no_grad():
                torch._foreach_lerp_([mean for mean, _ in floating], [new for _, new in floating], share)
                for mean, new in others:
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
            for kind in _pairs(copied, model.get_submodule(name)):
                for mean, new in kind:
                    mean.data, new.data = new.data, mean.data


def _pairs(first: nn.Module, second: nn.Module) -> tuple[list[tuple[Tensor, Tensor]], list[tuple[Tensor, Tensor]]]:
    """Tensors of two equal networks side by side: floating ones, and counters."""
    pairs = list(zip(_tensors(first), _tensors(second), strict=True))
    return [p for p in pairs if p[0].is_floating_point()], [p for p in pairs if not p[0].is_floating_point()]


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
