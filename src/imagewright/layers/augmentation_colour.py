"""Augmentations of colour: brightness, contrast, luma flips, hue and saturation, composed into one affine map.

Karras et al. 2020 (ADA), arXiv:2006.06676, appendix B. A colour is (red, green, blue, 1). Shape letters: N batch,
C H W image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from imagewright.layers.augmentation_numbers import Multipliers, Numbers, choose, constant

BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.5, 1.0  # deviations: of a half of the range of values, and in octaves
COLOURS = 3  # channels that are colours; a fourth one, of opacity, stays as it is


def change_colours(pictures: Tensor, numbers: Numbers, probability: Tensor, multipliers: Multipliers) -> Tensor:
    """float32 (N, C, H, W) in other colours, each picture in its own; of one channel, in other brightnesses."""
    channels = pictures.shape[1]
    matrices = sample_colour_matrices(numbers, probability, multipliers, grey=channels < COLOURS)
    if channels < COLOURS:
        row = matrices[:, :COLOURS].mean(1)
        gain, offset = row[:, :COLOURS].sum(1), row[:, COLOURS]
        changed = pictures[:, :1] * gain[:, None, None, None] + offset[:, None, None, None]
        return torch.cat([changed, pictures[:, 1:]], 1)
    colours = matrices[:, :COLOURS, :COLOURS] @ pictures[:, :COLOURS].flatten(2)
    changed = (colours + matrices[:, :COLOURS, COLOURS:]).view_as(pictures[:, :COLOURS])
    return changed if channels == COLOURS else torch.cat([changed, pictures[:, COLOURS:]], 1)


def sample_colour_matrices(numbers: Numbers, probability: Tensor, multipliers: Multipliers, *, grey: bool) -> Tensor:
    """(N, 4, 4) from colours to colours. grey: without hue and saturation."""
    identity = torch.eye(4, device=probability.device)
    grey_axis = constant((1.0, 1.0, 1.0, 0.0), identity.device) / math.sqrt(COLOURS)
    along, matrix = torch.outer(grey_axis, grey_axis), identity
    if multipliers.brightness:
        added = choose(numbers, multipliers.brightness * probability, numbers.normal() * BRIGHTNESS, 0)
        matrix = brightening(added) @ matrix
    if multipliers.contrast:
        factors = torch.exp2(numbers.normal() * CONTRAST)
        matrix = stretching(choose(numbers, multipliers.contrast * probability, factors, 1)) @ matrix
    if multipliers.luma_flip:
        flipped = choose(numbers, multipliers.luma_flip * probability, (numbers.uniform() * 2).floor(), 0)
        matrix = (identity - 2 * flipped[:, None, None] * along) @ matrix
    if multipliers.hue and not grey:
        angles = (numbers.uniform() * 2 - 1) * math.pi
        matrix = hue_rotation(choose(numbers, multipliers.hue * probability, angles, 0)) @ matrix
    if multipliers.saturation and not grey:
        factors = torch.exp2(numbers.normal() * SATURATION)
        factors = choose(numbers, multipliers.saturation * probability, factors, 1)
        matrix = (along + (identity - along) * factors[:, None, None]) @ matrix
    return matrix


def brightening(added: Tensor) -> Tensor:
    """(N, 4, 4): numbers (N,) added to each colour."""
    matrices = torch.eye(4, device=added.device).repeat(len(added), 1, 1)
    matrices[:, :COLOURS, COLOURS] = added[:, None]
    return matrices


def stretching(factors: Tensor) -> Tensor:
    """(N, 4, 4): colours times factors (N,)."""
    return torch.stack([factors, factors, factors, torch.ones_like(factors)], 1).diag_embed()


def hue_rotation(angles: Tensor) -> Tensor:
    """(N, 4, 4): colours turned about the axis of greys by angles (N,) in radians (Rodrigues's formula)."""
    third = 1 / COLOURS  # every entry of the axis times its transpose
    ahead = (1 - angles.cos()) * third
    kept, aside = angles.cos() + ahead, angles.sin() * math.sqrt(third)
    back, front, zero = ahead - aside, ahead + aside, torch.zeros_like(angles)
    rows = [kept, back, front, zero, front, kept, back, zero, back, front, kept, zero]
    last = [zero, zero, zero, torch.ones_like(angles)]
    return torch.stack(rows + last, 1).unflatten(1, (4, 4))
