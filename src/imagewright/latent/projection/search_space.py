"""Where a projection may look: latents that the model's prior could have drawn, and draws to start from.

Shape letters: M draws, Z numbers of a flattened latent, G groups (the values of a category, or one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, LatentPart, latent_parts_of, require
from imagewright.errors import UserError
from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.verbs.conditions import class_number

LEAST_OF_A_GROUP = 16


@dataclass
class Space:
    """The flattened latents of a model: `centre` and `spread` (Z,) of its prior, and what is legal in each part.

    `longest`: the norm of normal parts, in spreads, beyond which the prior has drawn nothing; None without a prior.
    """

    shape: tuple[int, ...]
    parts: tuple[LatentPart, ...]
    centre: Tensor
    spread: Tensor
    longest: float | None

    @property
    def free(self) -> Tensor:
        """Which numbers an optimisation may move (Z,): all but categories, which are one value or another."""
        free = torch.ones(len(self.centre), dtype=torch.bool)
        for part in self.parts:
            if part.kind == "category":
                free[part.places] = False
        return free

    def standard(self, latents: Tensor) -> Tensor:
        """(N, Z) in standard deviations of the prior."""
        return (latents - self.centre) / self.spread

    def latents(self, standard: Tensor) -> Tensor:
        """(N, *latent_shape) back from standard deviations."""
        return (self.centre + self.spread * standard).unflatten(1, self.shape)

    def norms(self, standard: Tensor) -> Tensor:
        """The length of the normal parts, (N,)."""
        return standard[:, self._normal].norm(dim=1)

    def make_legal(self, standard: Tensor, longest: Tensor) -> None:
        """Bring latents (N, Z) back, in place: normal parts within the norm (N,), others within their bounds."""
        normal = self._normal
        standard[:, normal] *= (longest / self.norms(standard).clamp(min=1e-12)).clamp(max=1)[:, None]
        for part in self.parts:
            if part.kind in ("uniform", "attributes"):
                low = -1.0 if part.kind == "uniform" else 0.0
                bounds = (torch.tensor(bound) - self.centre[part.places] for bound in (low, 1.0))
                least, most = (bound / self.spread[part.places] for bound in bounds)
                standard[:, part.places] = standard[:, part.places].clamp(least, most)

    @property
    def _normal(self) -> Tensor:
        places = [torch.arange(part.start, part.stop) for part in self.parts if part.kind == "normal"]
        return torch.cat(places) if places else torch.zeros(0, dtype=torch.int64)


def space_of_draws(model: Model, groups: list[Tensor]) -> Space:
    """The space of a model that samples, from draws of its prior."""
    draws = torch.cat(groups).flatten(1)
    spread = draws.std(0)
    # A number that never varies stays: in its own spreads it is far away from anything.
    spread = spread.clamp(min=1e-6 * max(float(spread.max()), 1e-6))
    shape = require(model, Decodes).latent_shape
    space = Space(shape, latent_parts_of(model), draws.mean(0), spread, None)
    space.centre[~space.free], space.spread[~space.free] = 0, 1  # to the bit
    space.longest = float(space.norms(space.standard(draws)).max())
    return space


def space_of_latents(model: Model, latents: Tensor) -> Space:
    """The space of a model without a prior: around a picture's own latents, in units of their size."""
    flat = latents.flatten(1)
    spread = flat.square().mean().sqrt().clamp(min=1e-6).expand(flat.shape[1]).clone()
    parts = latent_parts_of(model)
    return Space(require(model, Decodes).latent_shape, parts, torch.zeros(flat.shape[1]), spread, None)


@dataclass(frozen=True)
class Category:
    """The part of a latent that says which class it is of, and the values to try."""

    part: LatentPart
    values: list[int]

    def set(self, latents: Tensor, value: int) -> Tensor:
        """The same latents (N, Z) with another value."""
        changed = latents.clone()
        changed[:, self.part.places] = 0
        changed[:, self.part.start + value] = 1
        return changed


def category_of(model: Model, label: int | str | None) -> Category | None:
    """The category of a model's latents, with all of its values, or that of `label`; None where there is none.

    Raises `UserError` for a label where latents have no category, and for one that does not exist.
    """
    part = next((part for part in latent_parts_of(model) if part.kind == "category"), None)
    if part is None:
        if label is not None:
            name = catalogue.name_of(model)
            raise UserError(f"label={label}, but there is no class in the latents of {name}: project without one.")
        return None
    if label is None:
        return Category(part, list(range(part.stop - part.start)))
    names: Any = model
    return Category(part, [class_number(names.class_names, label)])


def draws_of(model: Model, count: int, seed: int, category: Category | None) -> list[Tensor]:
    """Draws of the prior to start from, (M, *latent_shape) a group: each value of the category has one."""
    decodes: Any = model
    generator = torch.Generator().manual_seed(derive_seed(seed, "project"))
    if category is None:
        return [decodes.sample_latents(count, generator)]
    each = max(LEAST_OF_A_GROUP, count // len(category.values))
    groups = decodes.sample_latents(each * len(category.values), generator).split(each)
    return [category.set(group, value) for value, group in zip(category.values, groups, strict=True)]


def starts_of(encoded: Tensor, category: Category | None, most: int) -> Tensor:
    """What an encoder gives for one picture (1, Z), of every value that is to be tried, its own first: (S, Z)."""
    if category is None:
        return encoded
    own = int(encoded[0, category.part.places].argmax())
    values = sorted(category.values, key=lambda value: value != own)[:most]
    return torch.cat([category.set(encoded, value) for value in values])
