"""Noise as part of a projection: the noise of each layer, kept from holding the picture itself.

Karras et al. 2020 (StyleGAN2), arXiv:1912.04958, appendix D. Shape letters: S starts, h w a map of noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

WEIGHT = 1e5  # of the regularisation, as published
COARSEST = 8  # pixels a side of the smallest map that is regularised


def sample_noise(shapes: Sequence[tuple[int, int]], starts: int, seed: int, device: torch.device) -> list[Tensor]:
    """(S, 1, h, w) of N(0, 1) for each shape."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 1, *shape, generator=generator).repeat(starts, 1, 1, 1).to(device) for shape in shapes]


def noise_correlation(noise: Sequence[Tensor]) -> Tensor:
    """The squared correlation of maps (S, 1, h, w) with themselves, moved by one pixel across and down: (S,).

    Maps are halved by means of 2x2, times 2 to keep their variance, down to 8 pixels, and counted at each size: noise
    that is 0 at every size holds no shape of the picture.
    """
    total = torch.zeros(len(noise[0]), device=noise[0].device)
    for each in noise:
        maps = each
        while True:
            for axis in (2, 3):
                total = total + (maps * maps.roll(1, axis)).flatten(1).mean(1).square()
            if min(maps.shape[2:]) <= COARSEST:
                break
            maps = avg_pool2d(maps, 2) * 2
    return total


def normalise_noise_(noise: Sequence[Tensor]) -> None:
    """Give each map (S, 1, h, w) mean 0 and mean square 1, in place."""
    for each in noise:
        each.sub_(each.mean((1, 2, 3), keepdim=True))
        each.mul_(each.square().mean((1, 2, 3), keepdim=True).clamp(min=1e-12).rsqrt())
