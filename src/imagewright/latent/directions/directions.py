"""Directions in which pictures vary most, found without labels.

A direction is searched among the numbers that are noise: classes, attributes and trained codes are held. Shape letters:
K directions, Z numbers of a flattened latent, N latents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, ExposesFirstLayer, latent_parts_of, require, verbs_of
from imagewright.errors import UserError, nearest_name
from imagewright.latent.directions.methods import (
    BATCH,
    BATCHES,
    Batches,
    from_activations,
    from_latents,
    from_weights,
)
from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode, images_for, resolve_model, sample_latents
from imagewright.verbs.blocks import evaluating

Method = Literal["activations", "latents", "weights"]
USUAL = 8
MOST_PICTURES = BATCHES * BATCH
BASES = 16  # pictures that the change is measured on
REACH = 2.0  # standard deviations to either side, where it is measured


@dataclass(frozen=True)
class Directions:
    """Directions (K, *latent_shape) of length 1, those that explain most first.

    `scales` (K,): one standard deviation of the latents along each. `explained` (K,): its share of the variance, or of
    the squared gain of the first layer (method "weights"). `changes` (K,): grey levels, root mean squared, by which
    pictures change two standard deviations away. The positive side is the brighter one. `said`: sentences for the user.
    """

    method: Method
    directions: Tensor
    scales: Tensor
    explained: Tensor
    changes: Tensor
    said: tuple[str, ...] = ()

    def moved(self, latents: Tensor, number: int, strength: float) -> Tensor:
        """Latents (N, *latent_shape) moved along a direction by `strength` standard deviations."""
        return latents + strength * self.scales[number] * self.directions[number]


def directions(
    run: RunLike,
    method: Method = "activations",
    count: int | None = None,
    *,
    images: ImagesLike | None = None,
    seed: int = 0,
) -> Directions:
    """The `count` directions that explain most of a model, by `method` (see `directions_methods`); 8, or all there are.

    `images`: pictures to encode: for method "latents", and for activations of a model that has no prior to draw from.
    Raises `UserError` for a method that the model cannot do, naming those it can.
    """
    model = resolve_model(run)
    require(model, Decodes)
    _check_method(model, method)
    searched, count = _searched(model), count_of(model, count)
    encoded = _encoded(model, method, images)
    with evaluating(model):
        rows, explained = _found(model, method, encoded, searched, count, seed)
    whole = torch.zeros(count, len(searched))
    whole[:, searched] = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
    spread_of = encoded if encoded is not None else _draws(model, MOST_PICTURES, seed)
    found = Directions(
        method,
        whole.unflatten(1, model.latent_shape),
        (spread_of.flatten(1) @ whole.T).std(0),
        explained,
        torch.zeros(count),
        _said(model, method, encoded, explained, searched),
    )
    return _measured(model, found, encoded, seed)


def count_of(model: Model, count: int | None) -> int:
    """How many directions are searched for. Raises `UserError` for more than there can be."""
    name, numbers = catalogue.name_of(model), int(_searched(model).sum())
    if not numbers:
        raise UserError(f"{name} has no numbers of noise in its latents, so there is no direction to search for.")
    count = min(USUAL, numbers) if count is None else count
    if not 1 <= count <= numbers:
        raise UserError(
            f"count={count}, but {name} has {numbers} numbers to search: 1 to that many directions can be found."
        )
    return count


def _found(
    model: Any, method: Method, encoded: Tensor | None, searched: Tensor, count: int, seed: int
) -> tuple[Tensor, Tensor]:
    if method == "activations":
        return from_activations(model, _batches(model, encoded, searched, seed), searched, count)
    if method == "weights":
        return from_weights(model.first_weight(), searched, count)
    assert encoded is not None
    _check_enough(encoded, count)
    return from_latents(encoded.flatten(1), searched, count)


def methods_of(model: Model) -> tuple[Method, ...]:
    """The methods that a model can do."""
    shows, encodes = isinstance(model, ExposesFirstLayer), "encode" in verbs_of(model)
    able = {"activations": shows and (encodes or _samples(model)), "latents": encodes, "weights": shows}
    return tuple(method for method in get_args(Method) if able[method])


def _check_method(model: Model, method: str) -> None:
    name, able = catalogue.name_of(model), methods_of(model)
    if method not in get_args(Method):
        raise UserError(
            f"There is no method {method!r}.{nearest_name(method, get_args(Method))} {name} can: {_or(able)}."
        )
    if method not in able:
        lacks = "has no encoder" if method == "latents" else "does not show its first layer"
        raise UserError(f"{name} {lacks}, so method={method} cannot be done. It can: {_or(able)}.")


def _or(able: tuple[str, ...]) -> str:
    return ", ".join(able) or "none of them"


def _searched(model: Any) -> Tensor:
    """Which numbers of a flattened latent are searched, bool (Z,): noise, and no code."""
    searched = torch.zeros(math.prod(model.latent_shape), dtype=torch.bool)
    for part in latent_parts_of(model):
        searched[part.places] = part.is_noise
    return searched


def _encoded(model: Model, method: Method, images: ImagesLike | None) -> Tensor | None:
    """Latents of the pictures, where the method or the model needs them; at most so many, from all over the set."""
    needed = method == "latents" or (not _samples(model) and "encode" in verbs_of(model))
    if not needed:
        return None
    if images is None:
        what = "method=latents looks at encoded pictures" if method == "latents" else "There is no prior to draw from"
        raise UserError(f"{what}: give some with images=SOURCE (--images SOURCE), such as those it was trained on.")
    opened = images_for(model, images)
    if len(opened) > MOST_PICTURES:
        opened = opened.subset(np.linspace(0, len(opened) - 1, MOST_PICTURES).astype(np.int64))
    return encode(model, opened)


def _check_enough(encoded: Tensor, count: int) -> None:
    if len(encoded) <= count:
        raise UserError(f"count={count}, but {len(encoded)} pictures have at most {len(encoded) - 1} directions.")
    if not float(encoded.flatten(1).var(0).sum()) > 0:
        raise UserError("All latents are equal, so there is no direction in which they vary: are all pictures equal?")


def _samples(model: Model) -> bool:
    return "sample" in verbs_of(model)


def _draws(model: Any, count: int, seed: int) -> Tensor:
    latents: Tensor = model.sample_latents(count, torch.Generator().manual_seed(derive_seed(seed, "directions")))
    return latents


def _batches(model: Any, encoded: Tensor | None, searched: Tensor, seed: int) -> Batches:
    """Draws, or the latents of pictures; what is not searched is in each batch that of its first draw."""

    def batches() -> Iterator[Tensor]:
        if encoded is not None:
            yield from encoded.split(BATCH)
            return
        generator = torch.Generator().manual_seed(derive_seed(seed, "directions"))
        for _ in range(BATCHES):
            latents = model.sample_latents(BATCH, generator)
            flat = latents.flatten(1)
            flat[:, ~searched] = flat[:1, ~searched]
            yield flat.view_as(latents)

    return batches


def _measured(model: Model, found: Directions, encoded: Tensor | None, seed: int) -> Directions:
    """With the change of pictures to both sides, and each direction turned to the brighter one."""
    bases = sample_latents(model, BASES, seed) if encoded is None else encoded[:: max(1, len(encoded) // BASES)][:BASES]
    before = decode(model, bases).double()
    changes, signs = [], []
    for number in range(len(found.scales)):
        up, down = (decode(model, found.moved(bases, number, side * REACH)).double() for side in (1, -1))
        changes.append(torch.cat([up - before, down - before]).square().mean().sqrt())
        signs.append(1.0 if float((up - down).mean()) >= 0 else -1.0)
    turned = found.directions * torch.tensor(signs).view(-1, *[1] * (found.directions.ndim - 1))
    return replace(found, directions=turned, changes=torch.stack(changes).float())


def _said(model: Model, method: Method, encoded: Tensor | None, explained: Tensor, searched: Tensor) -> tuple[str, ...]:
    """Of latents that vary alike in all directions, what their first component is: chance."""
    if method != "latents" or encoded is None:
        return ()
    numbers = int(searched.sum())
    # The largest eigenvalue of a covariance that is the identity, from N samples (Marchenko & Pastur 1967).
    by_chance = (1 + (numbers / len(encoded)) ** 0.5) ** 2 / numbers
    if float(explained[0]) > 1.2 * by_chance:
        return ()
    others = " or ".join(f"method={other}" for other in methods_of(model) if other != "latents")
    return (
        f"The latents of {catalogue.name_of(model)} vary alike in all directions: which come first is chance. "
        f"{f'Try {others}.' if others else ''}".strip(),
    )
