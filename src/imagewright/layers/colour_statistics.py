"""Colours of pictures moved to the statistics of others: Reinhard et al. 2001, "Color transfer between images".

Means and deviations of lightness and of two opponent colours, inside a mask alone. The space is CIELAB with a plain
gamma of 2.2, which random augmentation does not tell from sRGB. Shape letters: N batch, C H W picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

GAMMA = 2.2
TO_XYZ = (  # of linear sRGB, each row divided by white's
    (0.433953, 0.376219, 0.189828),
    (0.212671, 0.715160, 0.072169),
    (0.017758, 0.109477, 0.872765),
)
TO_LAB = ((0.0, 1.16, 0.0), (5.0, -5.0, 0.0), (0.0, 2.0, -2.0))  # of cube roots, lightness about 0 to 1
FROM_XYZ, FROM_LAB = (np.linalg.inv(np.array(each)).tolist() for each in (TO_XYZ, TO_LAB))
RATIOS = (0.5, 2.0)  # bounds of the change of a deviation: a flat picture is not to become noise
LEAST = 1e-3  # of a deviation, and of light


def match_statistics(images: Tensor, masks: Tensor, others: Tensor, other_masks: Tensor) -> Tensor:
    """Pictures with the colour statistics of others, (N, C, H, W) in [0, 1]. Of grey ones, the lightness alone.

    images, others: (N, C, H, W) in [0, 1]. masks, other_masks: (N, 1, H, W): weights of the pixels that count.
    """
    colours, rest = images[:, :3], images[:, 3:]
    if images.shape[1] < 3:
        moved = _move(images, _statistics(images, masks), _statistics(others, other_masks))
        return moved.clamp(0, 1)
    space, other_space = _to_opponent(colours), _to_opponent(others[:, :3])
    moved = _from_opponent(_move(space, _statistics(space, masks), _statistics(other_space, other_masks)))
    return torch.cat([moved, rest], 1)


def _statistics(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Means and deviations (N, C, 1, 1) inside the masks."""
    weights = masks.flatten(2)
    weights = weights / weights.sum(2, keepdim=True).clamp(min=LEAST)
    values = maps.flatten(2)
    means = (values * weights).sum(2, keepdim=True)
    deviations = ((values - means).square() * weights).sum(2, keepdim=True).sqrt()
    return means[..., None], deviations[..., None].clamp(min=LEAST)


def _move(maps: Tensor, own: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> Tensor:
    ratio = (wanted[1] / own[1]).clamp(*RATIOS)
    return (maps - own[0]) * ratio + wanted[0]


def _mix(maps: Tensor, matrix: Sequence[Sequence[float]]) -> Tensor:
    """Maps (N, 3, H, W) times a matrix. By numbers of Python: a tensor of them would make a GPU wait at each step."""
    channels = maps.unbind(1)
    rows = [sum(weight * channel for weight, channel in zip(row, channels, strict=True) if weight) for row in matrix]
    return torch.stack(rows, 1)  # type: ignore[arg-type]


def _to_opponent(colours: Tensor) -> Tensor:
    light = _mix(colours.clamp(min=LEAST) ** GAMMA, TO_XYZ)
    return _mix(light.clamp(min=LEAST**3) ** (1 / 3), TO_LAB)


def _from_opponent(maps: Tensor) -> Tensor:
    light = _mix(maps, FROM_LAB).clamp(min=0) ** 3
    return _mix(light, FROM_XYZ).clamp(0, 1) ** (1 / GAMMA)
