"""Find directions in which pictures vary most, without labels.

Only numbers of a latent that are noise are searched; classes, attributes and trained codes are held.
Shape letters: K directions, Z numbers of a flattened latent, N latents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Decodes, ExposesFirstLayer, latent_parts_of, require, verbs_of
from imagewright.errors import UserError, nearest_name
from imagewright.images import Images
from imagewright.latent.directions.methods import (
    BATCH,
    BATCHES,
    Batches,
    from_activations,
    from_latents,
    from_weights,
)
from imagewright.latent.directions.result import Directions, Method, check_names
from imagewright.latent.layers import Layers, only_in_layers, resolve_layers
from imagewright.model import Model
from imagewright.runs.loading import training_notes
from imagewright.seeds import derive_seed
from imagewright.style_capabilities import count_layers, has_style_layers, in_layers, in_one_style
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode, images_for, resolve_model, sample_latents
from imagewright.verbs.blocks import evaluating
from imagewright.verbs.paths import samples_normal_latents
from imagewright.views import space_name

DEFAULT_COUNT = 8
MOST_PICTURES = BATCHES * BATCH
BASES = 16  # pictures on which changes are measured
REACH = 2.0  # standard deviations to either side at which changes are measured


def directions(
    run: RunLike,
    method: Method | None = None,
    count: int | None = None,
    *,
    layers: Layers | None = None,
    images: ImagesLike | None = None,
    seed: int = 0,
    save: Mapping[int, str] | None = None,
    force: bool = False,
    model: Model | None = None,
) -> Directions:
    """The `count` directions that explain most of a model's variation.

    run: a run, its directory, a weights file or a model.
    method: "activations", "weights" or "latents"; `directions/methods.py` says what each does. By default the first of
        these that the model supports.
    count: 8 by default, or as many as there are.
    layers: only these are moved, of a model whose layers take a style each, and of method "weights" only these are
        searched: numbers, ranges such as "4-7", or groups: "coarse", "middle", "fine". The directions are then in the
        space of a style for each layer (w+).
    images: pictures to encode. Required for "latents" of a model that encodes, and for "activations" of a model that
        cannot sample.
    seed: of the samples.
    save: save directions in the run, a name for each number, such as {0: "slant"}.
    force: write over saved directions of these names.
    model: the run's model, if it is loaded already.
    Raises `UserError` for a method that the model does not support, with the methods that it does support, and for a
    `count` larger than the number of searched dimensions.
    """
    model = resolve_model(run) if model is None else model
    require(model, Decodes)
    model, chosen = _with_layers(model, layers)
    of_one_style = model if chosen is None else in_one_style(model)
    method = _check_method(of_one_style, method)
    searched, count = _searched_numbers(of_one_style), _resolve_count(of_one_style, count)
    if save:
        check_names(run, save, count, force=force)
    encoded = _encode_if_needed(of_one_style, method, images, seed)
    with evaluating(model):
        rows, explained = _search(of_one_style, method, encoded, searched, count, seed, chosen)
    whole = torch.zeros(count, len(searched))
    whole[:, searched] = rows
    if chosen is not None:
        whole = torch.stack([only_in_layers(row, chosen, count_layers(model)) for row in whole]).flatten(1)
    whole = whole / whole.norm(dim=1, keepdim=True).clamp(min=1e-12)
    if chosen is not None:
        encoded = None
    latents = encoded if encoded is not None else _sample(model, MOST_PICTURES, seed)
    found = Directions(
        method,
        whole.unflatten(1, model.latent_shape),
        (latents.flatten(1) @ whole.T).std(0),
        explained,
        torch.zeros(count),
        (*training_notes(model), *_isotropy_note(model, method, encoded, explained, searched)),
        model,
        {"method": method, "count": count}
        | ({} if images is None else {"images": _source_name(images)})
        | ({} if chosen is None else {"layers": chosen}),
        seed,
    )
    found = _measure_changes(model, found, encoded, seed)
    return replace(found, saved=found.save(run, save, force=force)) if save else found


def _with_layers(model: Model, layers: Layers | None) -> tuple[Model, list[int] | None]:
    """The model in which directions move latents, and the layers that they move; all of them in w+, None elsewhere."""
    if layers is not None:
        return in_layers(model), resolve_layers(model, layers)
    if has_style_layers(model) and space_name(model) == model.layer_space:
        return model, list(range(count_layers(model)))
    return model, None


def _source_name(images: ImagesLike) -> str:
    """The name of pictures in a record."""
    if isinstance(images, Images | str | Path):
        return Path(images.source if isinstance(images, Images) else images).name
    return "pictures"


def _resolve_count(model: Model, count: int | None) -> int:
    """The number of directions to search for. Raises `UserError` for more than there can be."""
    name, numbers = catalogue.name_of(model), int(_searched_numbers(model).sum())
    if not numbers:
        raise UserError(f"{name} has no numbers of noise in its latents, so there is no direction to search for.")
    count = min(DEFAULT_COUNT, numbers) if count is None else count
    if not 1 <= count <= numbers:
        raise UserError(
            f"count={count}, but {name} has {numbers} numbers to search: 1 to that many directions can be found."
        )
    return count


def _search(
    model: Any,
    method: Method,
    encoded: Tensor | None,
    searched: Tensor,
    count: int,
    seed: int,
    layers: list[int] | None,
) -> tuple[Tensor, Tensor]:
    if method == "activations":
        return from_activations(model, _batches(model, encoded, searched, seed), searched, count)
    if method == "weights":
        return from_weights(_weight(model, layers), searched, count)
    assert encoded is not None
    _check_enough(encoded, count)
    return from_latents(encoded.flatten(1), searched, count)


def _weight(model: Any, layers: list[int] | None) -> Tensor:
    """The matrix (F, Z) of the first layer, or of all that styles are multiplied by in some layers."""
    if not _takes_one_style(model):
        first: Tensor = model.first_weight()
        return first
    return torch.cat([model.style_weight(layer) for layer in layers or range(count_layers(model))])


def _takes_one_style(model: Model) -> bool:
    """Whether latents are a style that each layer takes, through a matrix that is known."""
    return has_style_layers(model) and space_name(model) == model.style_space and hasattr(model, "style_weight")


def methods_of(model: Model) -> tuple[Method, ...]:
    """The methods that a model supports."""
    exposes, encodes = isinstance(model, ExposesFirstLayer), "encode" in verbs_of(model)
    supported = {
        "activations": exposes and (encodes or _can_sample(model)),
        "latents": encodes or (_can_sample(model) and not samples_normal_latents(model)),
        "weights": exposes or _takes_one_style(model),
    }
    return tuple(method for method in get_args(Method) if supported[method])


def _check_method(model: Model, method: str | None) -> Method:
    """The method; the first that the model supports, if None is given. Raises `UserError` for one that it does not."""
    name, supported = catalogue.name_of(model), methods_of(model)
    listed = ", ".join(supported) or "none of them"
    if method is not None and method not in get_args(Method):
        raise UserError(
            f"There is no method {method!r}.{nearest_name(method, get_args(Method))} {name} supports: {listed}."
        )
    for each in supported:
        if method in (None, each):
            return each
    if has_style_layers(model) and not supported:
        raise UserError(
            f"Directions of {name} are found in its space {model.style_space}: give --space {model.style_space} "
            f"(space={model.style_space!r} when it is loaded), or layers."
        )
    if method is None:
        raise UserError(f"{name} exposes no first layer and encodes no pictures, so its directions cannot be searched.")
    lacks = "has no encoder" if method == "latents" else "does not expose its first layer"
    raise UserError(f"{name} {lacks}, so method={method} cannot be used. It supports: {listed}.")


def _searched_numbers(model: Any) -> Tensor:
    """Which numbers of a flattened latent are searched, bool (Z,): noise, and no codes."""
    searched = torch.zeros(math.prod(model.latent_shape), dtype=torch.bool)
    for part in latent_parts_of(model):
        searched[part.places] = part.is_noise
    return searched


def _encode_if_needed(model: Model, method: Method, images: ImagesLike | None, seed: int) -> Tensor | None:
    """Latents of at most `MOST_PICTURES` pictures, spread evenly; None if neither method nor model needs them.

    For method "latents" of a model without encoder they are samples.
    """
    encodes = "encode" in verbs_of(model)
    if method != "latents" and (_can_sample(model) or not encodes):
        return None
    if images is None and not encodes:
        return _sample(model, MOST_PICTURES, seed)
    if images is None:
        what = "method=latents looks at encoded pictures" if method == "latents" else "There is no prior to sample"
        raise UserError(f"{what}: give some with --source SOURCE (images=SOURCE), such as those it was trained on.")
    opened = images_for(model, images)
    if len(opened) > MOST_PICTURES:
        opened = opened.subset(np.linspace(0, len(opened) - 1, MOST_PICTURES).astype(np.int64))
    return encode(model, opened)


def _check_enough(encoded: Tensor, count: int) -> None:
    if len(encoded) <= count:
        raise UserError(f"count={count}, but {len(encoded)} pictures have at most {len(encoded) - 1} directions.")
    if not float(encoded.flatten(1).var(0).sum()) > 0:
        raise UserError("All latents are equal, so there is no direction in which they vary: are all pictures equal?")


def _can_sample(model: Model) -> bool:
    return "sample" in verbs_of(model)


def _sample(model: Any, count: int, seed: int) -> Tensor:
    latents: Tensor = model.sample_latents(count, torch.Generator().manual_seed(derive_seed(seed, "directions")))
    return latents


def _batches(model: Any, encoded: Tensor | None, searched: Tensor, seed: int) -> Batches:
    """Batches of samples, or of encoded pictures. In a batch of samples, all numbers not searched are those of the
    first sample."""

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


def _measure_changes(model: Model, found: Directions, encoded: Tensor | None, seed: int) -> Directions:
    """Measure the change of pictures to both sides, and turn each direction to the brighter side."""
    bases = sample_latents(model, BASES, seed) if encoded is None else encoded[:: max(1, len(encoded) // BASES)][:BASES]
    before = decode(model, bases).double()
    changes, signs = [], []
    for number in range(len(found.scales)):
        up, down = (decode(model, found.move(bases, number, side * REACH)).double() for side in (1, -1))
        changes.append(torch.cat([up - before, down - before]).square().mean().sqrt())
        signs.append(1.0 if float((up - down).mean()) >= 0 else -1.0)
    turned = found.directions * torch.tensor(signs).view(-1, *[1] * (found.directions.ndim - 1))
    return replace(found, directions=turned, changes=torch.stack(changes).float())


def _isotropy_note(
    model: Model, method: Method, encoded: Tensor | None, explained: Tensor, searched: Tensor
) -> tuple[str, ...]:
    """A note if encoded latents vary equally in all directions, so that their principal components are chance."""
    if method != "latents" or encoded is None:
        return ()
    numbers = int(searched.sum())
    # The largest eigenvalue of the sample covariance of N isotropic samples (Marchenko & Pastur 1967).
    by_chance = (1 + (numbers / len(encoded)) ** 0.5) ** 2 / numbers
    if float(explained[0]) > 1.2 * by_chance:
        return ()
    others = " or ".join(f"--method {other}" for other in methods_of(model) if other != "latents")
    return (
        f"The latents of {catalogue.name_of(model)} vary equally in all directions, so the order found is chance. "
        f"{f'Try {others}.' if others else ''}".strip(),
    )
