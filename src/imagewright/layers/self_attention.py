"""Self-attention of maps: each place takes a weighted mean of values at all places.

Zhang et al. 2019 (SAGAN), arXiv:1805.08318, section 3, as BigGAN has it: keys and values are halved by their maximum,
products are not scaled. Shape letters: N batch, C channels, H W map, Q places, K places of the halved map.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, scaled_dot_product_attention


class SelfAttention(nn.Module):
    """(N, C, H, W) to the same: maps + gamma * attended values. gamma starts at 0.

    channels: C, 2 or more.
    build: a 1x1 convolution without bias, of numbers of inputs and outputs.
    gamma_shape: () or (1,), as published files have it.
    """

    def __init__(
        self, channels: int, build: Callable[[int, int], nn.Module], gamma_shape: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        small, half = max(1, channels // 8), max(1, channels // 2)
        self.theta, self.phi = build(channels, small), build(channels, small)
        self.g, self.o = build(channels, half), build(half, channels)
        self.gamma = nn.Parameter(torch.zeros(gamma_shape))

    def forward(self, maps: Tensor) -> Tensor:
        queries = self.theta(maps).flatten(2).mT  # (N, Q, C / 8)
        keys = max_pool2d(self.phi(maps), 2).flatten(2).mT  # (N, K, C / 8)
        values = max_pool2d(self.g(maps), 2).flatten(2).mT  # (N, K, C / 2)
        attended = scaled_dot_product_attention(queries[:, None], keys[:, None], values[:, None], scale=1.0)[:, 0]
        changes: Tensor = self.o(attended.mT.unflatten(2, maps.shape[2:]))
        return maps + self.gamma * changes
