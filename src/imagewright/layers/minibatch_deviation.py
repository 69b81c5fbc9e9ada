"""The deviation over images of a minibatch as a further map, by which a discriminator sees a lack of variety.

Karras et al. 2018 (ProGAN), arXiv:1710.10196, section 3; in groups, as published with its code. Shape letters: N batch,
C channels, H W map, G images of a group, F maps that are added.
"""

from __future__ import annotations

import torch
from torch import Tensor


def append_minibatch_deviation(maps: Tensor, group: int = 4, features: int = 1) -> Tensor:
    """(N, C, H, W) to (N, C + F, H, W): F means, each over its share of C and over the places, of deviations.

    group: images over which a deviation is taken; the largest number up to it that divides N. Images of a group are
    N / group apart.
    """
    count, channels, height, width = maps.shape
    group = next(size for size in range(min(group, count), 0, -1) if count % size == 0)
    grouped = maps.float().reshape(group, -1, features, channels // features, height, width)
    deviations = (grouped.var(0, correction=0) + 1e-8).sqrt().mean((2, 3, 4))
    added = deviations.to(maps.dtype).repeat(group, 1)[:, :, None, None]
    return torch.cat([maps, added.expand(-1, -1, height, width)], 1)
