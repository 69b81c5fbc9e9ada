"""Ways through latents: along a great circle or straight, from end to end, and mixtures of several.

Shape letters: E ends, S shares, n numbers of a latent, flattened.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from imagewright.capabilities import Decodes, LatentPart, latent_parts_of, require
from imagewright.model import Model
from imagewright.verbs.apply import RunLike, resolve_model
from imagewright.verbs.paths import Interpolation, noise_places, slerp


def decoder_of(run: RunLike) -> tuple[Model, tuple[LatentPart, ...]]:
    """The model of a run and the parts of its latents; raises `UserError` for a model that does not decode."""
    model = resolve_model(run)
    require(model, Decodes)
    return model, latent_parts_of(model)


def walk(
    ends: Tensor,
    steps: int,
    parts: Sequence[LatentPart],
    way: Interpolation,
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


def _between(start: Tensor, end: Tensor, shares: Tensor, parts: Sequence[LatentPart], way: Interpolation) -> Tensor:
    """(S, n). Categories, attributes and codes go straight whatever the way: their numbers mean what they are."""
    latents = torch.lerp(start, end, shares[:, None])
    if way == "spherical":
        noise = noise_places(parts)
        latents[:, noise] = slerp(start[noise], end[noise], shares)
    return latents


def mixed(corners: Tensor, weights: Tensor, parts: Sequence[LatentPart], way: Interpolation) -> Tensor:
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
