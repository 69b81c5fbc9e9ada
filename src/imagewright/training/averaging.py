"""Exponential moving averages (EMA) of networks' weights, which the verbs use instead of the trained weights.

Karras et al. 2018 (ProGAN), arXiv:1710.10196, appendix A.1; half-life in images and ramp-up as in StyleGAN2.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from imagewright.recipe import Average


class Averages:
    """The moving average of each named network of a model.

    Buffers are averaged too, because running statistics of norm layers must fit the averaged weights.

    model: whose networks are averaged.
    names: of the networks.
    average: half-life and ramp-up at the start of training. If the half-life is 0, there are no averages.
    """

    def __init__(self, model: nn.Module, names: tuple[str, ...], average: Average) -> None:
        self.networks = {name: model.get_submodule(name) for name in names} if average.half_life else {}
        self.seen_before = 0  # images, by the run that this one is a branch of
        self.copies = {name: copy.deepcopy(network).requires_grad_(False) for name, network in self.networks.items()}

    def update(self, images_seen: int, batch_size: int, average: Average) -> None:
        """Update the averages after a step.

        images_seen: after the step.
        batch_size: images of the step, over all ranks.
        average: half-life and ramp-up at this point.
        """
        weight = weight_of_step(self.seen_before + images_seen, batch_size, average)
        for name, network in self.networks.items():
            averaged, copied = _pair_tensors(self.copies[name], network, average)
            with torch.no_grad():
                torch._foreach_lerp_([mean for mean, _ in averaged], [new for _, new in averaged], weight)
                for mean, new in copied:
                    mean.copy_(new)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Set averages to tensors by their names in the model; those of others stay."""
        for network, copied in self.copies.items():
            for name, tensor in copied.state_dict().items():
                if (found := tensors.get(f"{network}.{name}")) is not None and found.shape == tensor.shape:
                    tensor.copy_(found)

    @contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """Within the block, the model's networks hold their averages; after it, their trained weights again."""
        self._swap(model)
        try:
            yield
        finally:
            self._swap(model)

    def _swap(self, model: nn.Module) -> None:
        """Exchange the data of the tensors, so that an optimizer's parameters stay the same objects."""
        for name, copied in self.copies.items():
            for mean, new in zip(_tensors(copied), _tensors(model.get_submodule(name)), strict=True):
                mean.data, new.data = new.data, mean.data


def weight_of_step(images_seen: int, batch_size: int, average: Average) -> float:
    """The weight, from 0 to 1, that trained weights get in their average after a step; the old average has the rest.

    images_seen: after the step.
    batch_size: images of the step, over all ranks.
    average: half-life and ramp-up at this point.
    """
    half_life = float(average.half_life)
    if average.ramp_up:
        half_life = min(half_life, average.ramp_up * images_seen)
    if images_seen <= average.start or not half_life:
        return 1.0
    return float(1 - 0.5 ** (batch_size / half_life))


Pairs = list[tuple[Tensor, Tensor]]


def _pair_tensors(copied_network: nn.Module, network: nn.Module, average: Average) -> tuple[Pairs, Pairs]:
    """Two lists of pairs (tensor of the copy, tensor of the network): to be averaged, and to be copied."""
    weights = list(zip(copied_network.parameters(), network.parameters(), strict=True))
    buffers = list(zip(copied_network.buffers(), network.buffers(), strict=True))
    averaged = [pair for pair in buffers if pair[0].is_floating_point() and average.buffers == "mean"]
    copied = [pair for pair in buffers if not (pair[0].is_floating_point() and average.buffers == "mean")]
    return [*weights, *averaged], copied


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
