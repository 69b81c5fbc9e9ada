"""Paths through latents: spherical or linear interpolation from end to end, and weighted means of several latents.

Shape letters: E ends, S fractions of a leg, T times, M means, n numbers of a latent, flattened.
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


def load_decoder(run: RunLike) -> tuple[Model, tuple[LatentPart, ...]]:
    """The model of a run and the parts of its latents. Raises `UserError` for a model that cannot decode."""
    model = resolve_model(run)
    require(model, Decodes)
    return model, latent_parts_of(model)


def walk(
    ends: Tensor,
    steps: int,
    parts: Sequence[LatentPart],
    interpolation: Interpolation,
    *,
    loop: bool = False,
    pace: Literal["even", "smooth"] = "even",
) -> Tensor:
    """Latents from each end to the next, (legs * (steps - 1) + 1, *latent shape). Two legs share their common end.

    ends: (E, *latent shape).
    steps: latents of one leg, both ends included.
    parts: of the model's latents.
    loop: add a leg from the last end to the first. The first is not repeated, since it follows the last.
    pace: "smooth" slows down at the ends, by half a cosine.
    """
    flat = ends.flatten(1)
    fractions = torch.linspace(0, 1, steps)[1:]
    if pace == "smooth":
        fractions = (1 - torch.cos(torch.pi * fractions)) / 2
    closed = torch.cat([flat, flat[:1]]) if loop else flat
    legs = [_interpolate(start, end, fractions, parts, interpolation) for start, end in pairwise(closed)]
    whole = torch.cat([flat[:1], *legs])
    return (whole[:-1] if loop else whole).unflatten(1, ends.shape[1:])


def _interpolate(
    start: Tensor, end: Tensor, fractions: Tensor, parts: Sequence[LatentPart], interpolation: Interpolation
) -> Tensor:
    """(S, n). Categories, attributes and codes are always interpolated linearly, since their values have a meaning."""
    latents = torch.lerp(start, end, fractions[:, None])
    if interpolation == "spherical":
        noise = noise_places(parts)
        latents[:, noise] = slerp(start[noise], end[noise], fractions)
    return latents


def smooth_loop(keys: Tensor, times: Tensor, parts: Sequence[LatentPart], interpolation: Interpolation) -> Tensor:
    """Latents at some times of a closed path through keys, without a bend at any of them: (T, *latent shape).

    A cubic through four keys each (Catmull & Rom 1974), whose length follows that of the keys if the interpolation is
    spherical. Categories, attributes and codes go straight from key to key.

    keys: (E, *latent shape), at the times 0 to E - 1; the first is again at E.
    times: (T,), 0 or more.
    """
    flat, whole = keys.flatten(1), times.floor().long()
    before, start, end, after = (flat[(whole + shift) % len(flat)] for shift in (-1, 0, 1, 2))
    share = (times - whole)[:, None].to(flat.dtype)
    latents = torch.lerp(start, end, share)
    noise = noise_places(parts)
    cubic = start + share / 2 * (
        (end - before)
        + share * (2 * before - 5 * start + 4 * end - after + share * (3 * (start - end) + after - before))
    )
    if interpolation == "spherical":
        wanted = torch.lerp(start[:, noise].norm(dim=1), end[:, noise].norm(dim=1), share[:, 0])
        cubic = cubic * (wanted / cubic[:, noise].norm(dim=1).clamp(min=1e-12))[:, None]
    latents[:, noise] = cubic[:, noise]
    return latents.unflatten(1, keys.shape[1:])


def mix(corners: Tensor, weights: Tensor, parts: Sequence[LatentPart], interpolation: Interpolation) -> Tensor:
    """Weighted means of latents, (M, *latent shape).

    A mean of normal latents is shorter than they are, and decodes to a picture like the model's average. Spherical
    interpolation therefore rescales the noise to the same mean of the corners' lengths, unless the corners cancel out.

    corners: (E, *latent shape).
    weights: (M, E), rows that sum to 1.
    """
    flat = corners.flatten(1)
    latents = weights @ flat
    if interpolation == "spherical":
        noise = noise_places(parts)
        wanted = weights @ flat[:, noise].norm(dim=1, keepdim=True)
        length = latents[:, noise].norm(dim=1, keepdim=True)
        latents[:, noise] *= torch.where(length > 1e-4 * wanted, wanted / length.clamp(min=1e-12), 1.0)
    return latents.unflatten(1, corners.shape[1:])
