"""Random deformations of aligned faces: the same similarity for input and target, and a warp of the input alone.

An autoencoder that undoes warps learns what does not follow from the outline of its input: the identity. Grids, sizes
and ranges are DeepFaceLab's. Shape letters: N batch, C H W picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from imagewright.phases import Draws

CELLS = (2, 4, 8)  # of a side of the control grid: one of them is taken at random
MOVED = 0.24  # of a cell: the standard deviation of the movement of a control point
TURNED = 10.0  # degrees, to either side
SCALED = (0.87, 1.15)
SHIFTED = 0.05  # of a side, to either side


@dataclass(frozen=True)
class Deformation:
    """Where the pixels of inputs and targets are taken from: (N, H, W, 2) each, -1 to 1, x first."""

    inputs: Tensor
    targets: Tensor


def draw_deformation(
    draws: Draws, size: tuple[int, int], *, warp: float = 1.0, unwarped: float = 0.0, geometry: float = 1.0
) -> Deformation:
    """Random deformations of the rows of a step.

    size: (H, W).
    warp: factor of the movements of the control points.
    unwarped: the share of inputs that are not warped, as the faces of a conversion are.
    geometry: factor of turns, scales and shifts.
    """
    device = draws.generator.device
    height, width = size
    down, across = ((torch.arange(side, device=device) + 0.5) * 2 / side - 1 for side in size)
    places = torch.stack([across.expand(height, width), down[:, None].expand(height, width)], -1)[None]
    numbers = draws.uniform(4) * 2 - 1
    moved = _movements(draws, size) * warp
    is_warped = (draws.uniform(1) >= unwarped).float()[:, None, None]
    matrix, shift = _similarities(numbers * geometry)
    targets = places @ matrix.transpose(1, 2)[:, None] + shift
    warped = (places + moved * is_warped) @ matrix.transpose(1, 2)[:, None] + shift
    return Deformation(warped, targets)


def _similarities(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices (N, 2, 2) and shifts (N, 1, 1, 2) from numbers (N, 4) between -1 and 1."""
    turn = numbers[:, 0] * math.radians(TURNED)
    low, high = math.log(SCALED[0]), math.log(SCALED[1])
    scale = torch.exp(torch.where(numbers[:, 1] < 0, -numbers[:, 1] * low, numbers[:, 1] * high))
    cosine, sine = scale * torch.cos(turn), scale * torch.sin(turn)
    matrix = torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], 1)
    return matrix, (2 * SHIFTED * numbers[:, 2:])[:, None, None]


def _movements(draws: Draws, size: tuple[int, int]) -> Tensor:
    """Smooth movements (N, H, W, 2) of all places, zero at the border, in units of half a side."""
    moved = []
    for cells in CELLS:
        points = draws.normal(2, cells - 1, cells - 1) * (2 * MOVED / cells)
        rows, columns = (_hats(side, cells, points) for side in size)
        moved.append(rows @ points @ columns.T)
    chosen = draws.integers(len(CELLS))
    return torch.stack(moved, 1)[torch.arange(len(chosen), device=chosen.device), chosen].permute(0, 2, 3, 1)


def _hats(side: int, cells: int, like: Tensor) -> Tensor:
    """(side, cells - 1): the weight of each inner control point at each pixel, by linear interpolation."""
    places = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) * cells / side
    points = torch.arange(1, cells, device=like.device, dtype=like.dtype)
    return (1 - (places[:, None] - points).abs()).clamp(min=0)


def sample_at(maps: Tensor, places: Tensor, mode: str = "bilinear") -> Tensor:
    """Maps (N, C, H, W) at places of `Deformation`; beyond the border they are as at the border."""
    taken: Tensor = grid_sample(maps, places, mode=mode, padding_mode="border", align_corners=False)
    return taken


def soft_parts(parts: Tensor | None, like: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """A map (N, G, H, W) for each group of labels: 1 where a pixel has one of them. Without labels all is 1, 0, 0 ...

    parts: int64 (N, H, W), or None for pictures without a map of parts.
    like: the pictures (N, C, H, W).
    """
    if parts is None:
        whole = like.new_zeros(len(like), len(groups), *like.shape[2:])
        whole[:, 0] = 1
        return whole
    maps = [torch.stack([parts == label for label in group]).any(0) for group in groups]
    return torch.stack(maps, 1).to(like.dtype)
