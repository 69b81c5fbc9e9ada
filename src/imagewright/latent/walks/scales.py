"""The mean and deviation of each latent, how much each changes the picture, and what each is called.

A latent here is one number of the flattened latent, and its dimension is its index.
Shape letters: N pictures, n numbers of a latent (flattened), B bases (latents from which others are moved).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, Encodes, LatentPart, latent_parts_of, require, verbs_of
from imagewright.errors import DataError, UserError, nearest_name, none_readable
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, decode, encode, images_for, sample_latents
from imagewright.verbs.paths import samples_normal_latents

SAMPLES = 512
CANDIDATES = 1024  # latents that are ranked: two pictures are decoded for each latent and base
DECODED = 4096  # pictures decoded to rank latents, at most
BASES = 8
BATCH = 256  # pictures encoded at a time

Dimension = int | str


@dataclass(frozen=True)
class LatentScales:
    """The scale of each latent.

    mean, deviation: (n,).
    encoded: latents (N, n) of the pictures, if any were given.
    labels: int64 (N,), if the pictures have labels.
    """

    mean: Tensor
    deviation: Tensor
    encoded: Tensor | None = None
    labels: Tensor | None = None


def measure_latent_scales(
    model: Model, images: ImagesLike | None, max_images: int, *, of_prior: bool = False
) -> LatentScales:
    """The mean and deviation of each latent: of encoded pictures, or of the prior.

    The prior's are 0 and 1 if the model samples standard normal latents, else measured on samples.

    images: pictures to encode; encoded pictures need not be distributed as the prior.
    max_images: how many of them, spread evenly over the set.
    of_prior: take the prior's scales although there are images, if the prior is standard normal.
    Raises `UserError` without images for a model that cannot sample, and with images for one that cannot encode.
    """
    encoded, labels = (None, None) if images is None else _encode(model, images, max_images)
    numbers = latent_parts_of(model)[-1].stop
    if (encoded is None or of_prior) and samples_normal_latents(model):
        return LatentScales(torch.zeros(numbers), torch.ones(numbers), encoded, labels)
    if encoded is None and "sample" not in verbs_of(model):
        raise UserError(
            f"{catalogue.name_of(model)} samples no latents, so their deviations are measured on pictures: "
            "name some with --source (images= in Python)."
        )
    if encoded is not None and len(encoded) < 2:
        raise UserError("One picture has no deviation: give a source of several.")
    known = sample_latents(model, SAMPLES).flatten(1) if encoded is None else encoded
    deviation = known.std(0)
    if not bool(deviation.any()):
        raise DataError("All pictures of the source have the same latent: give pictures that differ.")
    return LatentScales(known.mean(0), deviation, encoded, labels)


def _encode(model: Model, images: ImagesLike, max_images: int) -> tuple[Tensor, Tensor | None]:
    """Latents (N, n) and labels of pictures spread evenly over the set. Unreadable pictures are left out."""
    require(model, Encodes)
    if max_images < 2:
        raise UserError(f"count={max_images}, but a deviation takes two pictures or more.")
    opened = images_for(model, images)
    chosen = np.linspace(0, len(opened) - 1, min(max_images, len(opened))).round().astype(np.int64)
    batches = [(encode(model, batch.images).flatten(1), batch.labels) for batch in opened.subset(chosen).stream(BATCH)]
    if not batches:
        raise DataError(f"{none_readable(len(chosen), f'looked at in {opened.source}')}.")
    labels = [labels for _, labels in batches if labels is not None]
    return torch.cat([latents for latents, _ in batches]), torch.cat(labels) if labels else None


def mean_latent(model: Model, scales: LatentScales) -> Tensor:
    """The mean latent (n,). A category or attributes, of which a mean has no meaning, are those of seed 0."""
    mean = scales.mean.clone()
    for part in latent_parts_of(model):
        if part.kind in ("category", "attributes"):
            mean[part.places] = sample_latents(model, 1).flatten()[part.places]
    return mean


def choose_bases(model: Model, scales: LatentScales, mean: Tensor) -> Tensor:
    """Bases (B, n) on which changes are measured: encoded pictures, else samples, else the mean latent."""
    if scales.encoded is not None:
        return scales.encoded[:: -(-len(scales.encoded) // BASES)]
    return sample_latents(model, BASES).flatten(1) if "sample" in verbs_of(model) else mean[None]


def rank_by_change(model: Model, scales: LatentScales, bases: Tensor) -> tuple[list[int], list[float]]:
    """The noise dimensions by how much they change the picture, largest first, and each change in grey levels.

    A change is the root mean square difference of the pictures one deviation above and below the mean, averaged over
    `bases` (B, n). Of more than 1024 dimensions only those with the largest deviations are ranked.
    """
    noise = candidate_dimensions(model, scales)
    bases = bases[: max(1, min(BASES, DECODED // (2 * len(noise))))]
    changes = measure_changes(model, scales, bases, noise)
    order = torch.tensor(changes).argsort(descending=True, stable=True).tolist()
    return [noise[rank] for rank in order], [changes[rank] for rank in order]


def candidate_dimensions(model: Model, scales: LatentScales, most: int = CANDIDATES) -> list[int]:
    """The noise dimensions; of more than `most` those with the largest deviations."""
    noise = torch.cat([torch.arange(part.start, part.stop) for part in latent_parts_of(model) if part.is_noise])
    if len(noise) > most:
        noise = noise[scales.deviation[noise].argsort(descending=True, stable=True)[:most]]
    return [int(each) for each in noise]


def measure_changes(
    model: Model,
    scales: LatentScales,
    bases: Tensor,
    dimensions: Sequence[int],
    decoder: Callable[[Model, Tensor], Tensor] = decode,
) -> list[float]:
    """How much each dimension changes the picture, in grey levels, as `rank_by_change` ranks them.

    decoder: `decode`, or `decode_quickly` for few bases.
    """
    shape, changes = require(model, Decodes).latent_shape, []
    for dimension in dimensions:
        ends = bases.repeat(2, 1)
        step = scales.deviation[dimension].repeat_interleave(len(bases))
        ends[:, dimension] = scales.mean[dimension] + torch.cat([step, -step])
        above, below = decoder(model, ends.unflatten(1, shape)).float().chunk(2)
        changes.append(float((above - below).square().mean(dim=(1, 2, 3)).sqrt().mean()))
    return changes


def resolve_dimensions(model: Model, dimensions: Sequence[Dimension]) -> list[int]:
    """The indices of dimensions given by number, or by the name of a code of one number (c2).

    Raises `UserError` for an unknown dimension, and for one that is part of a category.
    """
    parts = latent_parts_of(model)
    named = {part.name: part.start for part in parts if part.stop - part.start == 1}
    return [_resolve_dimension(model, parts, named, str(each)) for each in dimensions]


def _resolve_dimension(model: Model, parts: Sequence[LatentPart], named: dict[str, int], typed: str) -> int:
    numbers = parts[-1].stop
    if not typed.isdecimal() and typed not in named:
        codes = f", or {', '.join(named)}" if named else ""
        raise UserError(
            f"{typed!r} is no latent: their numbers go from 0 to {numbers - 1}{codes}.{nearest_name(typed, named)}"
        )
    dimension = named[typed] if typed in named else int(typed)
    if dimension >= numbers:
        raise UserError(
            f"There is no latent {dimension}: {catalogue.name_of(model)} has {numbers} here, numbered from 0 to "
            f"{numbers - 1}."
        )
    if part_at(parts, dimension).kind == "category":
        raise UserError(
            f"The latent {dimension} is one value of the category {part_at(parts, dimension).name!r} and cannot be "
            "varied by itself: --codes (codes=True) makes a sheet of all values."
        )
    return dimension


def part_at(parts: Sequence[LatentPart], dimension: int) -> LatentPart:
    """The part that holds a dimension."""
    return next(part for part in parts if part.start <= dimension < part.stop)


def label_of(parts: Sequence[LatentPart], dimension: int) -> str:
    """The label of a dimension: a code's name, else its number."""
    part = part_at(parts, dimension)
    return part.name if part.code and part.stop - part.start == 1 else f"latent {dimension}"
