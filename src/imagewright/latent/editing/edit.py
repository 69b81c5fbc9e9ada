"""Edit images: move seeds, pictures or saved latents along saved directions.

A latent is moved by strength * scale * direction, with strengths in standard deviations of the latents (Larsen et al.
2016, arXiv:1512.09300, section 4.2). `keep_detail` adds the change of the reconstruction to the original picture, so
that detail which the model cannot reconstruct is not lost.
Shape letters: N inputs, K strengths, C H W image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imagewright.capabilities import Decodes, latent_parts_of, require
from imagewright.errors import UserError, count_text
from imagewright.images.single import SinglePicture
from imagewright.latent import store
from imagewright.latent.inputs import Inputs, resolve_inputs
from imagewright.latent.layers import Layers, resolve_layers, to_layer_latents
from imagewright.model import Model
from imagewright.pixels import size_text
from imagewright.reprs import names_text, short_repr
from imagewright.runs.loading import training_notes
from imagewright.runs.run import Run
from imagewright.style_capabilities import count_layers, has_style_layers, in_layers
from imagewright.verbs.apply import RunLike, decode, resolve_model
from imagewright.views import space_name


@dataclass(frozen=True)
class Edited:
    """Edited images: a row for each input, a column for each strength.

    images: uint8 (N, K, C, H, W).
    latents: float32 (N, K, *latent shape); (N, K, layers, style) if layers were chosen.
    originals: uint8 (C, H, W) of each input that is a picture, at the model's size; else None.
    reconstructions: uint8 (N, C, H, W), the inputs' own latents decoded.
    labels: of the inputs.
    strengths: for each column, the strength of every move.
    notes: for the user.
    sources: the file, or the picture in memory, of each input that is a picture; else None.
    """

    images: Tensor
    latents: Tensor
    originals: list[Tensor | None]
    reconstructions: Tensor
    labels: list[str]
    strengths: list[dict[str, float]]
    notes: tuple[str, ...]
    sources: list[SinglePicture | None]

    def __repr__(self) -> str:
        count, strengths, _, height, width = self.images.shape
        what = f"{names_text(self.labels)} at {count_text(strengths, 'strength')}"
        return short_repr(self, what, f".images ({count}, {strengths}) of {size_text((height, width))}, .latents")

    @property
    def has_pictures(self) -> bool:
        """Whether any input is a real picture."""
        return any(original is not None for original in self.originals)


def edit(
    run: RunLike,
    inputs: Inputs,
    moves: Mapping[str, float | Sequence[float]],
    *,
    keep_detail: bool = False,
    layers: Layers | None = None,
    model: Model | None = None,
) -> Edited:
    """Move inputs along directions saved in the run.

    A direction found in the space of one style for all layers, such as w, also moves latents of a style for each (w+).

    run: a run, its directory, a weights file or a model.
    inputs: seeds, pictures or names of saved latents, or one of these alone. A picture is a file, a Pillow image, or an
        array or tensor (C, H, W), (H, W, C) or (H, W).
    moves: strengths in standard deviations by the name of a direction, such as {"smile": 2.0, "age": [-2, 0, 2]}. A
        number applies to all columns; all sequences have the same length, the number of columns.
    keep_detail: add the change of the reconstruction to the original picture.
    layers: only these are moved, of a model whose layers take a style each: numbers, ranges such as "4-7", or groups:
        "coarse", "middle", "fine". The latents of the result then have a style for each layer.
    model: the run's model, if it is loaded already.
    Raises `UserError` for an unknown input or direction, and for a direction of another model's latent space.
    """
    model = resolve_model(run) if model is None else model
    require(model, Decodes)
    columns = _strengths_by_column(moves)
    chosen = None if layers is None else resolve_layers(model, layers)
    directory = store.resolve_run(run)
    notes = training_notes(model)
    steps = {}
    for name in moves:
        steps[name], said = load_step(directory, model, name)
        notes += said
    resolved = resolve_inputs(run, inputs, model=model)
    notes += resolved.notes
    start, originals = resolved.latents, resolved.pictures
    moved = [start + sum(column[name] * step for name, step in steps.items()) for column in columns]
    clamped = [clamp_to_prior(model, each) for each in moved]
    decoder, latents = model, torch.stack(clamped, 1)
    if chosen is not None:
        decoder = in_layers(model)
        latents = torch.stack([_move_layers(model, start, each, chosen) for each in clamped], 1)
    images = decode(decoder, latents.flatten(0, 1)).unflatten(0, latents.shape[:2])
    reconstructions = decode(model, start)
    if keep_detail:
        images = _with_detail(images, reconstructions, originals)
        if any(original is None for original in originals):
            notes.append("Seeds and saved latents have no original picture, so there is no detail to keep.")
    unique = tuple(dict.fromkeys(notes))
    return Edited(images, latents, originals, reconstructions, resolved.labels, columns, unique, resolved.sources)


def load_step(directory: Run | None, model: Model, name: str) -> tuple[Tensor, tuple[str, ...]]:
    """One standard deviation along a saved direction, (*latent_shape), and notes."""
    found_in = model
    in_each = has_style_layers(model) and space_name(model) == model.layer_space
    if has_style_layers(model) and in_each and store.space_of(directory, name) == model.style_space:
        found_in = model.in_space(model.style_space)
    saved = store.load(directory, found_in, name, "direction")
    step = saved.tensors["direction"] * saved.tensors["scale"]
    return (step if found_in is model else step.expand(count_layers(model), -1)), saved.notes


def _move_layers(model: Model, start: Tensor, moved: Tensor, layers: Sequence[int]) -> Tensor:
    """Styles (N, L, W): those of moved latents in some layers, of the latents before in all others."""
    styles, others = to_layer_latents(model, start), to_layer_latents(model, moved)
    styles[:, list(layers)] = others[:, list(layers)]
    return styles


def _strengths_by_column(moves: Mapping[str, float | Sequence[float]]) -> list[dict[str, float]]:
    """The strength of every move, for each column."""
    if not moves:
        raise UserError('No move was given: name a saved direction and a strength, as in moves={"smile": 2.0}.')
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
        {name: float(values[column if len(values) > 1 else 0]) for name, values in given.items()}
        for column in range(count)
    ]


def clamp_to_prior(model: Model, latents: Tensor) -> Tensor:
    """Latents (N, *latent shape) with uniform codes clamped to -1 to 1, the support of their prior."""
    flat = latents.flatten(1).clone()
    for part in latent_parts_of(model):
        if part.kind == "uniform":
            flat[:, part.places] = flat[:, part.places].clamp(-1, 1)
    return flat.reshape(latents.shape)


def _with_detail(images: Tensor, reconstructions: Tensor, originals: Sequence[Tensor | None]) -> Tensor:
    """original + (edited - reconstruction), for each row with an original."""
    images = images.clone()
    for row, original in enumerate(originals):
        if original is not None:
            change = images[row].int() - reconstructions[row].int()
            images[row] = (original.int() + change).clamp(0, 255).to(torch.uint8)
    return images
