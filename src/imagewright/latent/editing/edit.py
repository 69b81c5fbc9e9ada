"""Pictures moved along kept directions: one slider or several, on any picture, seed or kept point.

A latent is moved by `strength * scale * direction`, strengths in standard deviations of the latents (Larsen et al.
2016, arXiv:1512.09300, section 4.2). Detail kept: what the model changed is added to the picture itself, so that what
it cannot rebuild stays.
Shape letters: N points, K strengths, C H W image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imagewright.capabilities import Decodes, latent_parts_of, require
from imagewright.errors import UserError
from imagewright.images.single import read_pictures
from imagewright.latent import store as kept
from imagewright.latent.inputs import Point, points_of, run_of
from imagewright.model import Model
from imagewright.verbs.apply import RunLike, decode, resolve_model


@dataclass(frozen=True)
class Edited:
    """Pictures uint8 (N, K, C, H, W) and their latents (N, K, *latent shape), a row a point and a column a strength.

    `originals`: uint8 (C, H, W) of each point that is a picture file, else None. `rebuilt`: what the model makes of
    each point, uint8 (N, C, H, W). `labels`: of the points; `steps`: the strength of each move, for every column.
    """

    images: Tensor
    latents: Tensor
    originals: list[Tensor | None]
    rebuilt: Tensor
    labels: list[str]
    steps: list[dict[str, float]]
    said: tuple[str, ...]

    @property
    def of_pictures(self) -> bool:
        """Whether a real picture is among the points."""
        return any(original is not None for original in self.originals)


def edit(
    run: RunLike,
    points: Sequence[Point],
    moves: Mapping[str, float | Sequence[float]],
    *,
    keep_detail: bool = False,
    model: Model | None = None,
) -> Edited:
    """Pictures, seeds or kept points, moved along directions kept in the run: {"smile": 2.0, "age": [-2, 0, 2]}.

    A number is one strength for all columns; sequences are as long as there are columns. `keep_detail`: the original
    and what the move changes, added. `model`: the run's, loaded already. Raises `UserError` for what is no point, no
    kept direction, or was found in another model's space.
    """
    model = resolve_model(run) if model is None else model
    require(model, Decodes)
    columns = _columns(moves)
    home = run_of(run)
    said: list[str] = []
    ways = {}
    for name in moves:
        found = kept.find(home, model, name, "direction")
        said += found.said
        ways[name] = found.tensors["direction"] * found.tensors["scale"]
    latents, labels, originals = _starts(run, model, points, said)
    moved = [latents + sum(column[name] * way for name, way in ways.items()) for column in columns]
    several = torch.stack([lawful(model, each) for each in moved], 1)
    images = decode(model, several.flatten(0, 1)).unflatten(0, several.shape[:2])
    rebuilt = decode(model, latents)
    if keep_detail:
        images = _with_detail(images, rebuilt, originals)
        if any(original is None for original in originals):
            said.append(
                "Seeds and kept points have no original, so they have no more detail than the model gives them."
            )
    return Edited(images, several, originals, rebuilt, labels, columns, tuple(dict.fromkeys(said)))


def _columns(moves: Mapping[str, float | Sequence[float]]) -> list[dict[str, float]]:
    """The strength of every move in each column."""
    if not moves:
        raise UserError('No move was given: name a kept direction and a strength, as in moves={"smile": 2.0}.')
    given = {name: [value] if isinstance(value, int | float) else list(value) for name, value in moves.items()}
    for name, values in given.items():
        if not values or not all(math.isfinite(value) for value in values):
            raise UserError(f"The strengths of {name} are {values}: finite numbers were expected, one or more.")
    counts = {len(values) for values in given.values() if len(values) > 1}
    if len(counts) > 1:
        raise UserError(
            f"Moves of {' and '.join(map(str, sorted(counts)))} strengths cannot go together: give each as "
            "many, or one."
        )
    count = max(counts, default=1)
    return [
        {name: float(values[place if len(values) > 1 else 0]) for name, values in given.items()}
        for place in range(count)
    ]


def _starts(
    run: RunLike, model: Model, points: Sequence[Point], said: list[str]
) -> tuple[Tensor, list[str], list[Tensor | None]]:
    """Latents, labels, and the original of each point that is a picture."""
    latents: list[Tensor] = []
    labels: list[str] = []
    originals: list[Tensor | None] = []
    if not points:
        points_of(run, points, model=model)  # raises, in its own words
    for each in points:
        found = points_of(run, [each], model=model)
        said += found.said
        latents.append(found.latents)
        labels += found.labels
        if found.of_pictures:
            pictures, _ = read_pictures([str(each)], model.config.size, model.config.channels)
            originals += list(pictures)
        else:
            originals += [None] * len(found.latents)
    return torch.cat(latents), labels, originals


def lawful(model: Model, latents: Tensor) -> Tensor:
    """Latents with their uniform codes within what the model was trained on, from -1 to 1."""
    flat = latents.flatten(1).clone()
    for part in latent_parts_of(model):
        if part.kind == "uniform":
            flat[:, part.places] = flat[:, part.places].clamp(-1, 1)
    return flat.reshape(latents.shape)


def _with_detail(images: Tensor, rebuilt: Tensor, originals: Sequence[Tensor | None]) -> Tensor:
    """original + (edited - rebuilt), where there is an original."""
    images = images.clone()
    for row, original in enumerate(originals):
        if original is not None:
            change = images[row].int() - rebuilt[row].int()
            images[row] = (original.int() + change).clamp(0, 255).to(torch.uint8)
    return images
