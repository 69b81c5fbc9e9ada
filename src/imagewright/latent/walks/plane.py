"""A plane through the latent space, decoded: which pictures lie where, and where the pictures of a set lie.

Kingma & Welling 2013, arXiv:1312.6114, figure 4: even steps on the unit square through the inverse of the prior's
cumulative distribution, so that each picture stands for an equal share of what the model draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, LatentPart, require
from imagewright.errors import UserError
from imagewright.latent.inputs import Point, Points, points_of
from imagewright.latent.walks.paths import decoder_of
from imagewright.latent.walks.scales import (
    Dimension,
    Units,
    bases_of,
    centre_of,
    most_used,
    name_of,
    part_at,
    places_named,
    units_of,
)
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, RunLike, decode, images_for

MOST = 100  # pictures a side


@dataclass(frozen=True)
class Axis:
    """One latent of the plane: its `place` among all and its name; how its values and shares follow from each other."""

    place: int
    name: str
    mean: float
    deviation: float
    uniform: bool

    def values_at(self, shares: Tensor) -> Tensor:
        """The latent below which a share (0 to 1) of the prior lies."""
        if self.uniform:
            return 2 * shares - 1
        return self.mean + self.deviation * torch.special.ndtri(shares)

    def shares_at(self, values: Tensor) -> Tensor:
        """The share of the prior below a latent: `values_at` the other way round."""
        if self.uniform:
            return ((values + 1) / 2).clamp(0, 1)
        return torch.special.ndtr((values - self.mean) / max(self.deviation, 1e-12))


@dataclass(frozen=True)
class Manifold:
    """`images` uint8 (K * K, C, H, W) in reading order: the first axis grows to the right, the second upwards.

    `latents` (K * K, *latent shape) are what they were decoded from. `encoded` (N, 2): where the pictures of a set lie
    along the two axes, with `labels` int64 (N,) and `class_names` where they have any.
    """

    images: Tensor
    latents: Tensor
    axes: tuple[Axis, Axis]
    encoded: Tensor | None
    labels: Tensor | None
    class_names: tuple[str, ...] | None
    said: tuple[str, ...]

    @property
    def side(self) -> int:
        """Pictures a side, K."""
        return round(len(self.images) ** 0.5)


def manifold(
    run: RunLike,
    steps: int = 20,
    *,
    dimensions: Sequence[Dimension] | None = None,
    images: ImagesLike | None = None,
    most: int = 2000,
    point: Point | Points | None = None,
) -> Manifold:
    """Decode `steps` x `steps` latents of a plane. `images`, at most `most` of them, are encoded to lie on it as well.

    `dimensions`: two latents, by number (or the name of a code); by default those that change the picture most, where
    there are more than two. All others are at their mean, or those of a `point`: a seed, a picture, a kept name.
    The values are quantiles of the prior; of a normal distribution with the images' own mean and deviation where there
    are images and more than two latents, or no normal prior: where pictures are is then decoded, not where none are.
    """
    if not 2 <= steps <= MOST:
        raise UserError(f"steps={steps}, but a grid has from 2 to {MOST} pictures a side.")
    model, parts = decoder_of(run)
    opened = None if images is None else images_for(model, images)
    decoder = require(model, Decodes)
    units = units_of(model, opened, most, of_prior=math.prod(decoder.latent_shape) == 2)
    said: list[str] = []
    base = centre_of(model, units)
    if point is not None:
        found = point if isinstance(point, Points) else points_of(run, [point], model=model)
        base, said = found.latents[0].flatten(), list(found.said)
    places = _plane(model, units, dimensions, base, said)
    axes = _axis(parts, units, places[0]), _axis(parts, units, places[1])
    shares = (torch.arange(steps) + 0.5) / steps
    latents = base.repeat(steps * steps, 1)
    latents[:, places[0]] = axes[0].values_at(shares).repeat(steps)
    latents[:, places[1]] = axes[1].values_at(shares.flip(0)).repeat_interleave(steps)
    shaped = latents.unflatten(1, model.latent_shape)
    encoded = None if units.encoded is None else units.encoded[:, places]
    class_names = None if opened is None or opened.class_names is None else tuple(opened.class_names)
    return Manifold(decode(model, shaped), shaped, axes, encoded, units.labels, class_names, tuple(said))


def _plane(
    model: Model, units: Units, dimensions: Sequence[Dimension] | None, base: Tensor, said: list[str]
) -> list[int]:
    """The two places, as asked for or the most used; which they are, and what the others are at, is said."""
    numbers = len(units.mean)
    if numbers < 2:
        raise UserError(
            f"This {catalogue.name_of(model)} has a single latent, and a plane takes two: "
            "`imagewright latent traverse` shows it."
        )
    if dimensions is None:
        if numbers == 2:
            return [0, 1]
        places, changes = most_used(model, units, bases_of(model, units, base))
        if len(places) < 2:
            raise UserError(f"This {catalogue.name_of(model)} has fewer than two latents to move: name two dimensions.")
        said.append(
            f"Of {numbers} latents, {places[0]} and {places[1]} change the picture most (by {changes[0]:.1f} and "
            f"{changes[1]:.1f} grey levels): the plane is theirs. Others: --dimensions."
        )
        return places[:2]
    places = places_named(model, dimensions)
    if len(places) != 2 or places[0] == places[1]:
        raise UserError(f"A plane takes two different latents, and {len(set(places))} was given: name two.")
    return places


def _axis(parts: Sequence[LatentPart], units: Units, place: int) -> Axis:
    part = part_at(parts, place)
    if part.kind == "attributes":
        raise UserError(f"The latent {place} is an attribute, from 0 to 1: `imagewright latent traverse` shows those.")
    return Axis(
        place, name_of(parts, place), float(units.mean[place]), float(units.deviation[place]), part.kind == "uniform"
    )
