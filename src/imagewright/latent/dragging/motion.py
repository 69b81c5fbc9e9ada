"""Motion supervision and point tracking on features (Pan et al. 2023, arXiv:2305.10973, sections 3.2 and 3.3).

Places are (x, y) in pixels: x to the right, y down, (0, 0) is the middle of the first pixel.
Shape letters: P points, Q places, F channels, H W picture.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

PATCH = 1  # pixels around a point whose features are compared when it is followed
FINEST = 0.5  # pixels between the places at which a point is searched


def sample_at(features: Tensor, places: Tensor) -> Tensor:
    """Features (1, F, H, W) at places (..., 2), bilinearly: (..., F). Outside the picture the edge's."""
    height, width = features.shape[2:]
    scale = torch.tensor([max(width - 1, 1), max(height - 1, 1)], device=features.device)
    grid = (2 * places / scale - 1).reshape(1, -1, 1, 2)
    found = grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return found[0, :, :, 0].T.reshape(*places.shape[:-1], -1)


def disc(radius: float, step: float = 1.0, device: torch.device | None = None) -> Tensor:
    """Offsets (Q, 2) of all places within a radius, `step` apart."""
    count = int(radius / step)
    along = torch.arange(-count, count + 1, device=device) * step
    square = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1).reshape(-1, 2)
    return square[square.norm(dim=1) <= radius]


def motion_loss(features: Tensor, points: Tensor, goals: Tensor, radius: float) -> Tensor:
    """How much the features a pixel nearer to the goals differ from those around the points now, equation 1.

    Its gradient moves what is around each point (P, 2) towards its goal (P, 2): the features there now are held.
    """
    ways = goals - points
    ahead = ways / ways.norm(dim=1, keepdim=True).clamp(min=1.0)  # not past the goal
    around = points[:, None] + disc(radius, device=points.device)
    wanted = sample_at(features, around).detach()
    return (sample_at(features, around + ahead[:, None]) - wanted).abs().mean()


def follow(features: Tensor, points: Tensor, first: Tensor, radius: float) -> Tensor:
    """Where the points (P, 2) are now: within a radius, where patches are nearest to those at first, equation 3.

    first: features (P, patch, F) of the points before anything moved, from `patches_at`.
    """
    height, width = features.shape[2:]
    candidates = points[:, None] + disc(radius, FINEST, points.device)
    distances = (patches_at(features, candidates) - first[:, None]).square().sum((2, 3))
    nearest = candidates[torch.arange(len(points)), distances.argmin(1)]
    return torch.stack([nearest[:, 0].clamp(0, width - 1), nearest[:, 1].clamp(0, height - 1)], 1)


def patches_at(features: Tensor, places: Tensor) -> Tensor:
    """The features around places (..., 2): (..., patch, F)."""
    offsets = disc(PATCH * 1.5, device=places.device)
    return sample_at(features, places[..., None, :] + offsets)


def near_lines(starts: Tensor, goals: Tensor, size: tuple[int, int], distance: float) -> Tensor:
    """The pixels within a distance of the lines from starts (P, 2) to goals, bool (H, W)."""
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in size)
    pixels = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)  # (H, W, 2)
    ways = goals - starts
    share = ((pixels[None] - starts[:, None, None]) * ways[:, None, None]).sum(-1)
    share = (share / ways.square().sum(1).clamp(min=1e-6)[:, None, None]).clamp(0, 1)
    nearest = starts[:, None, None] + share[..., None] * ways[:, None, None]
    return ((pixels[None] - nearest).norm(dim=-1) <= distance).any(0)
