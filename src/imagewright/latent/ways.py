"""Ways through latents: along a great circle or straight, from end to end, and mixtures of several.

Shape letters: E ends, S shares, n numbers of a latent, flattened.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import LatentPart, latent_parts_of, require, verbs_of
from imagewright.phases import Model
from imagewright.verbs.apply import RunLike, model_of

Way = Literal["spherical", "linear"]
DRAWS = 256
FAR_FROM_NORMAL = 0.15  # mean difference of means from 0, and of deviations from 1; 0.05 and 0.035 are chance


def decoder_of(run: RunLike) -> tuple[Model, tuple[LatentPart, ...]]:
    """The model of a run and the parts of its latents; raises `UserError` for a model that does not decode."""
    model = model_of(run)
    require(model, "decode", catalogue.name_of(model))
    return model, latent_parts_of(model)


def usual_way(model: Model) -> Way:
    """The way that fits a model: spherical where the latents that it draws are standard normal, else straight."""
    return "spherical" if draws_normal(model) else "linear"


def draws_normal(model: Model) -> bool:
    """Whether a model draws latents whose normal parts have mean 0 and deviation 1 in every place.

    It is looked at, not asked: a density fitted to another model's latents draws what these are like.
    """
    if "sample" not in verbs_of(model):
        return False
    drawn: Tensor = model.draw(DRAWS, torch.Generator().manual_seed(0))  # type: ignore[operator]
    noise = drawn.flatten(1)[:, noise_places(latent_parts_of(model))]
    if not noise.shape[1]:
        return False
    off = torch.stack([noise.mean(0).abs().mean(), (noise.std(0) - 1).abs().mean()])
    return bool(off.max() < FAR_FROM_NORMAL)


def noise_places(parts: Sequence[LatentPart]) -> Tensor:
    """The places, int64, of what is normal and has no meaning of its own: the length of this part is kept on a way."""
    places = [torch.arange(part.start, part.stop) for part in parts if part.kind == "normal" and not part.code]
    return torch.cat(places) if places else torch.empty(0, dtype=torch.int64)


def walk(
    ends: Tensor,
    steps: int,
    parts: Sequence[LatentPart],
    way: Way,
    *,
    loop: bool = False,
    pace: Literal["even", "smooth"] = "even",
) -> Tensor:
    """Latents from each end (E, *latent shape) to the next, `steps` a leg with both ends; one where two legs meet.

    `loop` adds the way from the last end back to the first, without the first again: what follows the last is the
    first. A smooth pace rests at the ends: half a cosine.
    """
    flat = ends.flatten(1)
    shares = torch.linspace(0, 1, steps)[1:]
    if pace == "smooth":
        shares = (1 - torch.cos(torch.pi * shares)) / 2
    closed = torch.cat([flat, flat[:1]]) if loop else flat
    legs = [_between(start, end, shares, parts, way) for start, end in pairwise(closed)]
    whole = torch.cat([flat[:1], *legs])
    return (whole[:-1] if loop else whole).unflatten(1, ends.shape[1:])


def _between(start: Tensor, end: Tensor, shares: Tensor, parts: Sequence[LatentPart], way: Way) -> Tensor:
    """(S, n). Categories, attributes and codes go straight whatever the way: their numbers mean what they are."""
    latents = torch.lerp(start, end, shares[:, None])
    if way == "spherical":
        noise = noise_places(parts)
        latents[:, noise] = slerp(start[noise], end[noise], shares)
    return latents


def slerp(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """The points `shares` (...) of the way along the great circle from one latent (n,) to another: (..., n).

    The length goes linearly. Straight where one of the two is 0, or they point the same or opposite ways, and no
    circle is defined. White 2016, arXiv:1609.04468.
    """
    shares = shares[..., None]
    first, second = start.norm(), end.norm()
    cosine = (start * end).sum() / (first * second).clamp(min=1e-12)
    angle = cosine.clamp(-1, 1).acos()
    if angle.sin() < 1e-4 or not first * second:
        return torch.lerp(start, end, shares)
    direction = ((1 - shares) * angle).sin() * (start / first) + (shares * angle).sin() * (end / second)
    return direction / angle.sin() * torch.lerp(first, second, shares)


def mixed(corners: Tensor, weights: Tensor, parts: Sequence[LatentPart], way: Way) -> Tensor:
    """Sums of latents (E, *latent shape) by weights (M, E) whose rows add up to 1: (M, *latent shape).

    A sum of normal latents is shorter than they are, which a model decodes to its average picture: the spherical way
    gives the noise the same mixture of their lengths, unless they cancel out.
    """
    flat = corners.flatten(1)
    latents = weights @ flat
    if way == "spherical":
        noise = noise_places(parts)
        lengths = weights @ flat[:, noise].norm(dim=1, keepdim=True)
        found = latents[:, noise].norm(dim=1, keepdim=True)
        latents[:, noise] *= torch.where(found > 1e-4 * lengths, lengths / found.clamp(min=1e-12), 1.0)
    return latents.unflatten(1, corners.shape[1:])
