"""Interpolation paths between latents: along a great circle if they are standard normal, else straight.

Shape letters: n numbers of a flattened latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from imagewright.capabilities import LatentPart, Samples, answers, latent_parts_of
from imagewright.model import Model

Interpolation = Literal["spherical", "linear"]
SAMPLES = 256
FAR_FROM_NORMAL = 0.15  # mean difference of means from 0, and of deviations from 1; 0.05 and 0.035 are chance


def default_interpolation(model: Model) -> Interpolation:
    """Spherical if the model samples standard normal latents, else linear."""
    return "spherical" if samples_normal_latents(model) else "linear"


def samples_normal_latents(model: Model) -> bool:
    """Whether the normal parts of sampled latents have mean 0 and deviation 1 in every place.

    Measured on samples, not declared: a density fitted to another model's latents samples latents distributed as those.
    """
    if not answers(model, Samples):
        return False
    samples = model.sample_latents(SAMPLES, torch.Generator().manual_seed(0))
    noise = samples.flatten(1)[:, noise_places(latent_parts_of(model))]
    if not noise.shape[1]:
        return False
    off = torch.stack([noise.mean(0).abs().mean(), (noise.std(0) - 1).abs().mean()])
    return bool(off.max() < FAR_FROM_NORMAL)


def noise_places(parts: Sequence[LatentPart]) -> Tensor:
    """The places, int64, of normal numbers without a meaning of their own: spherical paths preserve their length."""
    places = [torch.arange(part.start, part.stop) for part in parts if part.kind == "normal" and not part.code]
    return torch.cat(places) if places else torch.empty(0, dtype=torch.int64)


def slerp(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Points at `shares` (...), from 0 to 1, of the great circle from latents (n,) or (..., n) to others: (..., n).

    The length is interpolated linearly. The path is straight if one end is 0, or both point the same or opposite ways,
    since no circle is defined then. White 2016, arXiv:1609.04468.
    """
    shares = shares[..., None]
    first, second = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    cosine = (start * end).sum(-1, keepdim=True) / (first * second).clamp(min=1e-12)
    angle = cosine.clamp(-1, 1).acos()
    straight = (angle.sin() < 1e-4) | (first * second == 0)
    towards = ((1 - shares) * angle).sin() * (start / first) + (shares * angle).sin() * (end / second)
    arc = towards / angle.sin() * torch.lerp(first, second, shares)
    return torch.where(straight, torch.lerp(start, end, shares), arc)
