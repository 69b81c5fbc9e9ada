"""Geometric augmentations: mirroring, turns, moves and scalings, composed into one matrix and done by one resampling.

Karras et al. 2020 (ADA), arXiv:2006.06676, appendix B: pictures continue as their mirror images, are upsampled by an
orthogonal wavelet filter, sampled bilinearly, and downsampled by the same filter. A matrix maps places of the result
to places of the picture; a place is (x, y, 1), in pixels from the centre. Shape letters: N batch, C H W image.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from imagewright.layers.augmentation_numbers import Multipliers, Numbers, choose, constant
from imagewright.memoryless import with_values

MOVE = 0.125  # of a side: the largest move by whole pixels, and the deviation of moves by fractions
SCALE_DEVIATION = 0.2  # octaves
# The low-pass filter of the wavelet "sym6" (Daubechies 1992, chapter 8): a picture that is upsampled and then
# downsampled by it is as before.
WAVELET = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633),
    *(0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252),
    *(-0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
)
REACH = len(WAVELET) // 4  # pixels of the picture that the filter reaches beyond either end


def sample_transformations(
    numbers: Numbers, probability: Tensor, multipliers: Multipliers, size: tuple[int, int]
) -> Tensor:
    """(N, 3, 3): the matrices of random transformations.

    probability: of an operation with the multiplier 1, a scalar.
    size: H and W of the pictures.
    """
    (height, width), matrix = size, torch.eye(3, device=probability.device)
    if multipliers.mirror:
        mirrored = choose(numbers, multipliers.mirror * probability, (numbers.uniform() * 2).floor(), 0)
        matrix = matrix @ scaling(1 - 2 * mirrored, torch.ones_like(mirrored))
    if multipliers.quarter_turn:
        turns = choose(numbers, multipliers.quarter_turn * probability, (numbers.uniform() * 4).floor(), 0)
        matrix = matrix @ rotation(turns * (math.pi / 2))
    if multipliers.whole_move:
        moves = choose(numbers, multipliers.whole_move * probability, (numbers.uniform(2) * 2 - 1) * MOVE, 0)
        matrix = matrix @ translation(-(moves[:, 0] * width).round(), -(moves[:, 1] * height).round())
    if multipliers.scale:
        scales = torch.exp2(numbers.normal() * SCALE_DEVIATION)
        scales = choose(numbers, multipliers.scale * probability, scales, 1)
        matrix = matrix @ scaling(1 / scales, 1 / scales)
    if multipliers.rotation:
        matrix = matrix @ _sample_rotations(numbers, multipliers.rotation * probability)
    if multipliers.stretch:
        scales = torch.exp2(numbers.normal() * SCALE_DEVIATION)
        scales = choose(numbers, multipliers.stretch * probability, scales, 1)
        matrix = matrix @ scaling(1 / scales, scales)
    if multipliers.rotation:
        matrix = matrix @ _sample_rotations(numbers, multipliers.rotation * probability, again=True)
    if multipliers.move:
        moves = choose(numbers, multipliers.move * probability, numbers.normal(2) * MOVE, 0)
        matrix = matrix @ translation(-moves[:, 0] * width, -moves[:, 1] * height)
    return matrix


def transform(pictures: Tensor, matrices: Tensor) -> Tensor:
    """float32 (N, C, H, W), resampled by matrices (N, 3, 3) from places of the result to places of the picture."""
    height, width = pictures.shape[2:]
    left, top, right, bottom = find_margins(matrices, height, width)
    rows = _enlargement(height, top, bottom, pictures.device)
    columns = _enlargement(width, left, right, pictures.device)
    canvas = rows @ pictures @ columns.T
    sampled = [2 * (height + 2 * REACH), 2 * (width + 2 * REACH)]
    matrices = _constant_translation((left - right) / 2, (top - bottom) / 2, matrices) @ matrices
    # To pixels of the canvas, which are half as large and whose centre lies half of one further.
    matrices = _constant_scaling(2, 2, matrices) @ matrices @ _constant_scaling(0.5, 0.5, matrices)
    matrices = _constant_translation(-0.5, -0.5, matrices) @ matrices @ _constant_translation(0.5, 0.5, matrices)
    # To halves of the sides, as `affine_grid` has it.
    to_halves = _constant_scaling(2 / canvas.shape[3], 2 / canvas.shape[2], matrices)
    matrices = to_halves @ matrices @ _constant_scaling(sampled[1] / 2, sampled[0] / 2, matrices)
    places = affine_grid(matrices[:, :2], [len(pictures), 1, *sampled], align_corners=False)
    found = grid_sample(canvas, places, align_corners=False)
    return _reduction(height, pictures.device) @ found @ _reduction(width, pictures.device).T


def find_margins(matrices: Tensor, height: int, width: int) -> tuple[int, int, int, int]:
    """How many pixels left of, above, right of and below the pictures the transformations read: at most a side less 1.

    Not on a CPU: the most there can be, since the host would wait for the device to know them.
    """
    most = (width - 1, height - 1)
    if matrices.device.type != "cpu":
        return most + most
    x, y = (width - 1) / 2, (height - 1) / 2
    corners = torch.tensor([[-x, x, x, -x], [-y, -y, y, y], [1.0, 1.0, 1.0, 1.0]])
    reached = (matrices @ corners)[:, :2]
    before, after = -reached.amin((0, 2)), reached.amax((0, 2))
    reaches = torch.cat([before - torch.tensor([x, y]), after - torch.tensor([x, y])]) + 2 * REACH
    left, top, right, bottom = (max(0, math.ceil(reach)) for reach in reaches.tolist())
    return min(left, most[0]), min(top, most[1]), min(right, most[0]), min(bottom, most[1])


# Matrices of places


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """(N, 3, 3): x and y of places times factors (N,)."""
    return torch.stack([x, y, torch.ones_like(x)], 1).diag_embed()


def rotation(angles: Tensor) -> Tensor:
    """(N, 3, 3): places turned by angles (N,) in radians, from x to y."""
    sine, cosine = angles.sin(), angles.cos()
    zero, one = torch.zeros_like(angles), torch.ones_like(angles)
    numbers = [cosine, -sine, zero, sine, cosine, zero, zero, zero, one]
    return torch.stack(numbers, 1).unflatten(1, (3, 3))


def translation(x: Tensor, y: Tensor) -> Tensor:
    """(N, 3, 3): x and y (N,) added to places."""
    matrices = torch.eye(3, device=x.device).repeat(len(x), 1, 1)
    matrices[:, 0, 2], matrices[:, 1, 2] = x, y
    return matrices


def _constant_scaling(x: float, y: float, like: Tensor) -> Tensor:
    return constant(((x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, 1.0)), like.device)


def _constant_translation(x: float, y: float, like: Tensor) -> Tensor:
    return constant(((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0)), like.device)


def _sample_rotations(numbers: Numbers, probability: Tensor, *, again: bool = False) -> Tensor:
    """One of two rotations, which together are at least one with the probability."""
    angles = (numbers.uniform() * 2 - 1) * math.pi
    each = 1 - (1 - probability).clamp(0, 1).sqrt()
    return rotation(choose(numbers, each, angles, 0, again=again))


# Resampling along one axis as a matrix, which also has the mirrored ends: one product instead of several passes.


@lru_cache(maxsize=64)
@torch.inference_mode(False)
@with_values()
def _enlargement(side: int, before: int, after: int, device: torch.device) -> Tensor:
    """(2 (before + side + after), side): mirrored ends, then pixels twice as dense by the wavelet."""
    taps = torch.tensor(WAVELET, dtype=torch.float64)
    taps = 2 * taps / taps.sum()
    count = before + side + after
    offsets = 2 * torch.arange(count) - torch.arange(2 * count)[:, None] + len(taps) // 2
    inside = (offsets >= 0) & (offsets < len(taps))
    dense = torch.where(inside, taps.flip(0)[offsets.clamp(0, len(taps) - 1)], 0)
    places = (torch.arange(count) - before) % max(2 * (side - 1), 1)
    mirrored = torch.where(places < side, places, 2 * (side - 1) - places)
    folded = torch.zeros(2 * count, side, dtype=torch.float64).index_add_(1, mirrored, dense)
    return folded.to(device, torch.float32)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
@with_values()
def _reduction(side: int, device: torch.device) -> Tensor:
    """(side, 2 (side + 2 REACH)): every second pixel after the wavelet, without the canvas's ends."""
    taps = torch.tensor(WAVELET, dtype=torch.float64)
    taps = taps / taps.sum()
    count = 2 * (side + 2 * REACH)
    offsets = torch.arange(count) - 2 * torch.arange(side)[:, None] - 1
    inside = (offsets >= 0) & (offsets < len(taps))
    return torch.where(inside, taps[offsets.clamp(0, len(taps) - 1)], 0).to(device, torch.float32)
