"""The search space of a projection: latents within the range of the prior's samples, and where the search starts.

Shape letters: M samples, Z numbers of a flattened latent, S starts.
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
class SearchSpace:
    """The flattened latents of a model, standardised.

    shape: of a latent.
    parts: of a latent.
    mean, deviation: (Z,), of the prior.
    longest: the largest norm of a sample's normal parts, in deviations; None without a prior.
    """

    shape: tuple[int, ...]
    parts: tuple[LatentPart, ...]
    mean: Tensor
    deviation: Tensor
    longest: float | None

    @property
    def free(self) -> Tensor:
        """Which numbers are optimised, bool (Z,): all but categories, which are discrete."""
        free = torch.ones(len(self.mean), dtype=torch.bool)
        for part in self.parts:
            if part.kind == "category":
                free[part.places] = False
        return free

    def standardise(self, latents: Tensor) -> Tensor:
        """Latents (N, Z) in deviations from the mean."""
        return (latents - self.mean) / self.deviation

    def to_latents(self, standard: Tensor) -> Tensor:
        """Standardised latents (N, Z) as latents (N, *latent_shape)."""
        return (self.mean + self.deviation * standard).unflatten(1, self.shape)

    def norms(self, standard: Tensor) -> Tensor:
        """The norms of the normal parts, (N,)."""
        return standard[:, self._normal].norm(dim=1)

    def clamp_to_prior_(self, standard: Tensor, longest: Tensor) -> None:
        """Clamp standardised latents (N, Z) in place: normal parts to norms (N,), others to their bounds."""
        normal = self._normal
        standard[:, normal] *= (longest / self.norms(standard).clamp(min=1e-12)).clamp(max=1)[:, None]
        for part in self.parts:
            if part.kind in ("uniform", "attributes"):
                low = -1.0 if part.kind == "uniform" else 0.0
                bounds = (torch.tensor(bound) - self.mean[part.places] for bound in (low, 1.0))
                least, most = (bound / self.deviation[part.places] for bound in bounds)
                standard[:, part.places] = standard[:, part.places].clamp(least, most)

    @property
    def _normal(self) -> Tensor:
        indices = [torch.arange(part.start, part.stop) for part in self.parts if part.kind == "normal"]
        return torch.cat(indices) if indices else torch.zeros(0, dtype=torch.int64)


def space_from_samples(model: Model, groups: list[Tensor]) -> SearchSpace:
    """The search space of a model with a prior, from samples of it."""
    samples = torch.cat(groups).flatten(1)
    deviation = samples.std(0)
    # A number that never varies would otherwise be divided by 0.
    deviation = deviation.clamp(min=1e-6 * max(float(deviation.max()), 1e-6))
    shape = require(model, Decodes).latent_shape
    space = SearchSpace(shape, latent_parts_of(model), samples.mean(0), deviation, None)
    space.mean[~space.free], space.deviation[~space.free] = 0, 1  # so that categories stay exact
    space.longest = float(space.norms(space.standardise(samples)).max())
    return space


def space_from_latents(model: Model, latents: Tensor) -> SearchSpace:
    """The search space of a model without a prior: mean 0, and the root mean square of a picture's own latents."""
    flat = latents.flatten(1)
    deviation = flat.square().mean().sqrt().clamp(min=1e-6).expand(flat.shape[1]).clone()
    parts = latent_parts_of(model)
    return SearchSpace(require(model, Decodes).latent_shape, parts, torch.zeros(flat.shape[1]), deviation, None)


@dataclass(frozen=True)
class Category:
    """The part of a latent that holds its class, and the values to try."""

    part: LatentPart
    values: list[int]

    def set(self, latents: Tensor, value: int) -> Tensor:
        """The latents (N, Z) with another value."""
        changed = latents.clone()
        changed[:, self.part.places] = 0
        changed[:, self.part.start + value] = 1
        return changed


def resolve_category(model: Model, label: int | str | None) -> Category | None:
    """The category of a model's latents with the value of `label`, or with all values; None if there is no category.

    Raises `UserError` for a label if latents have no category, and for an unknown label.
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


def sample_groups(model: Model, count: int, seed: int, category: Category | None) -> list[Tensor]:
    """Samples of the prior, (M, *latent_shape) for each group: each value of the category has one."""
    decodes: Any = model
    generator = torch.Generator().manual_seed(derive_seed(seed, "project"))
    if category is None:
        return [decodes.sample_latents(count, generator)]
    each = max(LEAST_OF_A_GROUP, count // len(category.values))
    groups = decodes.sample_latents(each * len(category.values), generator).split(each)
    return [category.set(group, value) for value, group in zip(category.values, groups, strict=True)]


def encoded_starts(encoded: Tensor, category: Category | None, most: int) -> Tensor:
    """The latent of one picture (1, Z) with each value of the category, (S, Z); the encoder's first, at most `most`."""
    if category is None:
        return encoded
    own = int(encoded[0, category.part.places].argmax())
    values = sorted(category.values, key=lambda value: value != own)[:most]
    return torch.cat([category.set(encoded, value) for value in values])
