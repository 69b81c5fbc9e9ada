"""How far to move a latent's numbers, which ones change the picture, and what they are called.

Shape letters: N pictures, n numbers of a latent (flattened), B base points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Encodes, LatentPart, latent_parts_of, require, verbs_of
from imagewright.errors import DataError, UserError, nearest_name
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, decode, encode, images_for, sample_latents
from imagewright.verbs.paths import samples_normal_latents

DRAWS = 512
CANDIDATES = 1024  # latents that are tried: two pictures are decoded for each and each base point
DECODED = 4096  # pictures, at most, to find which latents are used
BASES = 8
BATCH = 256  # pictures decoded and encoded at a time

Dimension = int | str


@dataclass(frozen=True)
class Units:
    """`mean` and `deviation` (n,), in which the numbers of a latent are counted; `encoded` (N, n), if pictures were
    given, and their `labels` int64 (N,) if they have any."""

    mean: Tensor
    deviation: Tensor
    encoded: Tensor | None = None
    labels: Tensor | None = None


def units_of(model: Model, images: ImagesLike | None, most: int, *, of_prior: bool = False) -> Units:
    """What encoded `images` have, at most `most` of them, evenly spread: pictures need not lie where a prior says.

    Without images, or where the prior is asked for, 0 and 1 if the model draws standard normal latents, and what its
    draws have if it draws others. Raises `UserError` for a model that does
    neither without pictures, and for pictures where it does not encode.
    """
    encoded, labels = (None, None) if images is None else _encoded(model, images, most)
    numbers = latent_parts_of(model)[-1].stop
    if (encoded is None or of_prior) and samples_normal_latents(model):
        return Units(torch.zeros(numbers), torch.ones(numbers), encoded, labels)
    if encoded is None and "sample" not in verbs_of(model):
        raise UserError(
            f"{catalogue.name_of(model)} draws no latents, so how far they reach is measured on pictures: "
            "name some with --source (images= in Python)."
        )
    if encoded is not None and len(encoded) < 2:
        raise UserError("One picture does not say how far latents reach: give a source of several.")
    known = sample_latents(model, DRAWS).flatten(1) if encoded is None else encoded
    deviation = known.std(0)
    if not bool(deviation.any()):
        raise DataError("All pictures of the source have one latent: how far latents reach takes pictures that differ.")
    return Units(known.mean(0), deviation, encoded, labels)


def _encoded(model: Model, images: ImagesLike, most: int) -> tuple[Tensor, Tensor | None]:
    """Latents (N, n) of at most that many pictures from all over a set, and their labels; unreadable ones left out."""
    require(model, Encodes)
    if most < 2:
        raise UserError(f"count={most}, but it takes two pictures at least to see where they lie.")
    opened = images_for(model, images)
    places = np.linspace(0, len(opened) - 1, min(most, len(opened))).round().astype(np.int64)
    batches = [(encode(model, batch.images).flatten(1), batch.labels) for batch in opened.subset(places).stream(BATCH)]
    if not batches:
        raise DataError(f"None of the {len(places)} pictures looked at in {opened.source} can be read.")
    labels = [labels for _, labels in batches if labels is not None]
    return torch.cat([latents for latents, _ in batches]), torch.cat(labels) if labels else None


def centre_of(model: Model, units: Units) -> Tensor:
    """The latent (n,) in the middle: its category or attributes, which have no middle, are those of seed 0."""
    centre = units.mean.clone()
    for part in latent_parts_of(model):
        if part.kind in ("category", "attributes"):
            centre[part.places] = sample_latents(model, 1).flatten()[part.places]
    return centre


def bases_of(model: Model, units: Units, centre: Tensor) -> Tensor:
    """Latents (B, n) from which latents are moved to see what they change: encoded pictures, samples, or the centre."""
    if units.encoded is not None:
        return units.encoded[:: -(-len(units.encoded) // BASES)]
    return sample_latents(model, BASES).flatten(1) if "sample" in verbs_of(model) else centre[None]


def most_used(model: Model, units: Units, bases: Tensor) -> tuple[list[int], list[float]]:
    """The places of the noise, those that change the picture most first, and by how many grey levels each does.

    The root mean square difference of the pictures one deviation above and below the mean, from `bases` (B, n) on.
    Of very many latents only those of the largest deviations are looked at.
    """
    noise = torch.cat([torch.arange(part.start, part.stop) for part in latent_parts_of(model) if part.is_noise])
    if len(noise) > CANDIDATES:
        noise = noise[units.deviation[noise].argsort(descending=True, stable=True)[:CANDIDATES]]
    bases = bases[: max(1, min(BASES, DECODED // (2 * len(noise))))]
    shape = model.latent_shape
    changes = []
    for place in noise.tolist():
        ends = bases.repeat(2, 1)
        step = units.deviation[place].repeat_interleave(len(bases))
        ends[:, place] = units.mean[place] + torch.cat([step, -step])
        above, below = decode(model, ends.unflatten(1, shape)).float().chunk(2)
        changes.append(float((above - below).square().mean(dim=(1, 2, 3)).sqrt().mean()))
    order = torch.tensor(changes).argsort(descending=True, stable=True).tolist()
    return [int(noise[place]) for place in order], [changes[place] for place in order]


def places_named(model: Model, dimensions: Sequence[Dimension]) -> list[int]:
    """The places of latents given by number, or by the name of a code that is one number (c2)."""
    parts = latent_parts_of(model)
    named = {part.name: part.start for part in parts if part.stop - part.start == 1}
    numbers = parts[-1].stop
    places = []
    for each in dimensions:
        typed = str(each)
        if not typed.isdecimal() and typed not in named:
            codes = f", or {', '.join(named)}" if named else ""
            raise UserError(
                f"{typed!r} is no latent: their numbers go from 0 to {numbers - 1}{codes}.{nearest_name(typed, named)}"
            )
        place = named[typed] if typed in named else int(typed)
        if place >= numbers:
            raise UserError(
                f"There is no latent {place}: {catalogue.name_of(model)} has {numbers} here, numbered from 0 to "
                f"{numbers - 1}."
            )
        if part_at(parts, place).kind == "category":
            raise UserError(
                f"The latent {place} says one value of the category {part_at(parts, place).name!r}, which is not moved "
                "by itself: a sheet of the values comes with --codes (codes=True)."
            )
        places.append(place)
    return places


def part_at(parts: Sequence[LatentPart], place: int) -> LatentPart:
    """The part that a place is in."""
    return next(part for part in parts if part.start <= place < part.stop)


def name_of(parts: Sequence[LatentPart], place: int) -> str:
    """What a place is called: a code by its name, another by its number."""
    part = part_at(parts, place)
    return part.name if part.code and part.stop - part.start == 1 else f"latent {place}"
