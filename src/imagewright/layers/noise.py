"""Dropout as noise after training, whose masks follow from a seed.

Isola et al. 2017, arXiv:1611.07004, section 3.2: a translation differs by the units that are dropped, at test time too.
Shape letters: N batch, C channels, H W map.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from imagewright.seeds import derive_seed

SEEDS = 2**24
"""Seeds of masks are below this number: float32 holds each exactly."""


@dataclass
class _Masks:
    """The seed of each image's masks, and how many layers have sampled theirs."""

    seeds: list[int]
    layers: int = 0

    def sample(self, maps: Tensor, rate: float) -> Tensor:
        """Of the next layer, (N, C, H, W): 0 for a share `rate` of the places, 1 / (1 - rate) for the others."""
        masks = torch.empty(maps.shape)
        for mask, seed in zip(masks, self.seeds, strict=True):
            generator = torch.Generator().manual_seed(derive_seed(seed, "dropout", self.layers))
            mask.bernoulli_(1 - rate, generator=generator)
        self.layers += 1
        return masks.div_(1 - rate).to(maps.device, maps.dtype)


_given = threading.local()  # each tile of a picture may have a thread of its own


@contextmanager
def dropout_seeds(seeds: Tensor | None) -> Iterator[None]:
    """Inside the block and in this thread, `NoiseDropout` drops units in evaluation mode too.

    seeds: whole numbers (N,), one an image: the masks of an image depend on its own alone. None: nothing is dropped.
    """
    before = getattr(_given, "masks", None)
    _given.masks = None if seeds is None else _Masks([int(seed) for seed in seeds.tolist()])
    try:
        yield
    finally:
        _given.masks = before


class NoiseDropout(nn.Dropout):
    """Dropout that may go on after training, inside `dropout_seeds`."""

    def forward(self, maps: Tensor) -> Tensor:
        masks: _Masks | None = getattr(_given, "masks", None)
        if self.training or masks is None:
            return super().forward(maps)
        return maps * masks.sample(maps, self.p)


def has_noise(network: nn.Module) -> bool:
    """Whether a network has layers that `dropout_seeds` concerns."""
    return any(isinstance(module, NoiseDropout) for module in network.modules())
