"""Images along the way between latents: of seeds, or of given pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from imagewright.errors import UserError
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode, latents_of, model_of

Way = Literal["spherical", "linear"]


def interpolate(
    run: RunLike,
    steps: int = 8,
    *,
    seeds: Sequence[int] = (0, 1),
    images: ImagesLike | None = None,
    way: Way = "spherical",
) -> Tensor:
    """Images from each end to the next, uint8 (legs * (steps - 1) + 1, C, H, W).

    The ends are the first sample of each seed, or the given images, encoded. `steps`: images of one leg, ends included.
    Spherical keeps the length that draws from a Gaussian prior have (White 2016, arXiv:1609.04468); linear is a
    straight line.
    """
    if steps < 2:
        raise UserError(f"steps={steps}, but a way has two ends: give 2 or more.")
    model = model_of(run)
    ends = torch.cat([latents_of(model, 1, seed) for seed in seeds]) if images is None else encode(model, images)
    if len(ends) < 2:
        raise UserError(f"An interpolation needs two ends or more, and there is {len(ends)}.")
    walk = slerp if way == "spherical" else torch.lerp
    shares = torch.linspace(0, 1, steps)
    latents = [ends[:1]]
    for start, end in pairwise(ends):
        latents.append(torch.stack([walk(start, end, share) for share in shares[1:]]))
    return decode(model, torch.cat(latents))


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """The point `share` of the way along the great circle from one latent to another; the length goes linearly.

    Straight where one of the two is 0, or they point the same or opposite ways, and no circle is defined.
    """
    first, second = start.norm(), end.norm()
    cosine = (start * end).sum() / (first * second).clamp(min=1e-12)
    angle = cosine.clamp(-1, 1).acos()
    if angle.sin() < 1e-4 or not first * second:
        return torch.lerp(start, end, share)
    ratio = ((1 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin()
    direction = ratio[0] * start / first + ratio[1] * end / second
    return direction * torch.lerp(first, second, share)
