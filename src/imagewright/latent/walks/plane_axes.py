"""The two axes of a plane of the latent space: two latents, or the two directions in which encoded pictures vary most.

With many latents pictures differ in all of them at once, and any two alone hardly change a picture. The principal
components of the pictures' latents (GANSpace, Härkönen et al. 2020, arXiv:2004.02546, section 3.1) change it more.
Shape letters: N latents, n numbers of a latent, flattened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import LatentPart
from imagewright.errors import UserError
from imagewright.latent.directions.methods import from_latents
from imagewright.latent.walks.scales import (
    Dimension,
    LatentScales,
    choose_bases,
    label_of,
    part_at,
    rank_by_change,
    resolve_dimensions,
)
from imagewright.model import Model

LEAST_ENCODED = 3  # latents that span two directions


@dataclass(frozen=True)
class Axis:
    """One axis of the plane: its name, its direction, and the distribution of the latents along it.

    dimension: the number of the latent; None of a direction through several.
    mean, deviation: of a normal distribution.
    uniform: whether it is uniform from -1 to 1 instead.
    direction: (n,) of length 1; None: along the latent of the number `dimension`.
    """

    dimension: int | None
    name: str
    mean: float
    deviation: float
    uniform: bool
    direction: Tensor | None = field(default=None, compare=False)

    def quantile(self, probability: Tensor) -> Tensor:
        """The value below which a latent lies with a probability (0 to 1)."""
        if self.uniform:
            return 2 * probability - 1
        return self.mean + self.deviation * torch.special.ndtri(probability)

    def cdf(self, values: Tensor) -> Tensor:
        """The probability that a latent lies below a value: the inverse of `quantile`."""
        if self.uniform:
            return ((values + 1) / 2).clamp(0, 1)
        return torch.special.ndtr((values - self.mean) / max(self.deviation, 1e-12))

    def along(self, latents: Tensor) -> Tensor:
        """The values (N,) of latents (N, n) along the axis."""
        if self.direction is None:
            assert self.dimension is not None
            return latents[:, self.dimension]
        return latents @ self.direction

    def place(self, latents: Tensor, values: Tensor) -> Tensor:
        """Latents (N, n), each moved along the axis to one of `values` (N,), or all to the same (1,)."""
        if self.direction is not None:
            return latents + (values - self.along(latents))[:, None] * self.direction
        moved = latents.clone()
        moved[:, self.dimension] = values
        return moved


def choose_axes(
    model: Model,
    parts: Sequence[LatentPart],
    scales: LatentScales,
    dimensions: Sequence[Dimension] | None,
    base: Tensor,
    notes: list[str],
) -> tuple[Axis, Axis]:
    """The axes of the plane: as given, or with a note those that show most of a model with more than two latents.

    model: that decodes.
    parts: of its latents.
    scales: of each latent, and the encoded pictures if there are any.
    dimensions: two latents that the user chose; None to choose.
    base: (n,), from which the changes of single latents are measured.
    notes: a sentence on the choice is added.
    Raises `UserError` for a model of one latent, for two equal dimensions, and for an unknown one.
    """
    numbers = len(scales.mean)
    if numbers < 2:
        raise UserError(
            f"This {catalogue.name_of(model)} has a single latent, and a plane takes two: "
            "`imagewright latent traverse` shows it."
        )
    if dimensions is not None:
        chosen = resolve_dimensions(model, dimensions)
        if len(chosen) != 2 or chosen[0] == chosen[1]:
            raise UserError(f"A plane takes two different latents, and {len(set(chosen))} was given: name two.")
    elif numbers == 2:
        chosen = [0, 1]
    else:
        found = _widest_directions(parts, scales, notes)
        if found is not None:
            return found
        chosen = _strongest_latents(model, scales, base, notes)
    return _build_axis(parts, scales, chosen[0]), _build_axis(parts, scales, chosen[1])


def _widest_directions(parts: Sequence[LatentPart], scales: LatentScales, notes: list[str]) -> tuple[Axis, Axis] | None:
    """The two principal directions of encoded pictures; None if there are too few pictures, or latents of noise."""
    searched = torch.zeros(len(scales.mean), dtype=torch.bool)
    for part in parts:
        searched[part.places] = part.is_noise
    if scales.encoded is None or len(scales.encoded) < LEAST_ENCODED or int(searched.sum()) < LEAST_ENCODED:
        return None
    rows, shares = from_latents(scales.encoded, searched, 2)
    if not float(shares[1]) > 0:  # the pictures lie on a line
        return None
    directions = torch.zeros(2, len(searched))
    directions[:, searched] = rows
    axes = []
    for number, direction in enumerate(directions, 1):
        values = scales.encoded @ direction
        axes.append(Axis(None, f"direction {number}", float(values.mean()), float(values.std()), False, direction))
    notes.append(
        f"The plane goes through the two directions in which the latents of {len(scales.encoded):,} pictures vary most "
        f"({float(shares[0]):.0%} and {float(shares[1]):.0%} of their variance). Two latents of {len(searched)}: "
        "--dimensions."
    )
    return axes[0], axes[1]


def _strongest_latents(model: Model, scales: LatentScales, base: Tensor, notes: list[str]) -> list[int]:
    """The two latents that change the picture most."""
    ranked, changes = rank_by_change(model, scales, choose_bases(model, scales, base))
    if len(ranked) < 2:
        raise UserError(f"This {catalogue.name_of(model)} has fewer than two latents to vary: name two dimensions.")
    notes.append(
        f"Of {len(scales.mean)} latents, {ranked[0]} and {ranked[1]} change the picture most (by {changes[0]:.1f} and "
        f"{changes[1]:.1f} grey levels): the plane shows these two. Others: --dimensions."
    )
    return ranked[:2]


def _build_axis(parts: Sequence[LatentPart], scales: LatentScales, dimension: int) -> Axis:
    part = part_at(parts, dimension)
    if part.kind == "attributes":
        raise UserError(
            f"The latent {dimension} is an attribute, from 0 to 1: `imagewright latent traverse` shows attributes."
        )
    mean, deviation = float(scales.mean[dimension]), float(scales.deviation[dimension])
    return Axis(dimension, label_of(parts, dimension), mean, deviation, part.kind == "uniform")
