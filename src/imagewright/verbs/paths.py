"""How latents are walked between: along a great circle where they are standard normal, else straight.

Shape letters: n numbers of a latent, flattened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from imagewright.capabilities import LatentPart, latent_parts_of, verbs_of
from imagewright.model import Model

Way = Literal["spherical", "linear"]
DRAWS = 256
FAR_FROM_NORMAL = 0.15  # mean difference of means from 0, and of deviations from 1; 0.05 and 0.035 are chance


def usual_way(model: Model) -> Way:
    """The way that fits a model: spherical where the latents that it draws are standard normal, else straight."""
    return "spherical" if draws_normal(model) else "linear"


def draws_normal(model: Model) -> bool:
    """Whether a model draws latents whose normal parts have mean 0 and deviation 1 in every place.

    It is looked at, not asked: a density fitted to another model's latents draws what these are like.
    """
    if "sample" not in verbs_of(model):
        return False
    drawn: Tensor = model.sample_latents(DRAWS, torch.Generator().manual_seed(0))  # type: ignore[operator]
    noise = drawn.flatten(1)[:, noise_places(latent_parts_of(model))]
    if not noise.shape[1]:
        return False
    off = torch.stack([noise.mean(0).abs().mean(), (noise.std(0) - 1).abs().mean()])
    return bool(off.max() < FAR_FROM_NORMAL)


def noise_places(parts: Sequence[LatentPart]) -> Tensor:
    """The places, int64, of what is normal and has no meaning of its own: the length of this part is kept on a way."""
    places = [torch.arange(part.start, part.stop) for part in parts if part.kind == "normal" and not part.code]
    return torch.cat(places) if places else torch.empty(0, dtype=torch.int64)


def slerp(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """The points `shares` (...) of the way along the great circle from latents (n,) or (..., n) to others: (..., n).

    The length goes linearly. Straight where one of the two is 0, or they point the same or opposite ways, and no
    circle is defined. White 2016, arXiv:1609.04468.
    """
    shares = shares[..., None]
    first, second = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    cosine = (start * end).sum(-1, keepdim=True) / (first * second).clamp(min=1e-12)
    angle = cosine.clamp(-1, 1).acos()
    straight = (angle.sin() < 1e-4) | (first * second == 0)
    towards = ((1 - shares) * angle).sin() * (start / first) + (shares * angle).sin() * (end / second)
    arc = towards / angle.sin() * torch.lerp(first, second, shares)
    return torch.where(straight, torch.lerp(start, end, shares), arc)
