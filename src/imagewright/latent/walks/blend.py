"""Blend four corner images into a square: bilinear weights of their latents."""

from __future__ import annotations

import torch
from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.inputs import Inputs, resolve_inputs
from imagewright.latent.walks.paths import load_decoder, mix
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode
from imagewright.verbs.paths import Interpolation, default_interpolation

CORNERS = 4


def blend(
    run: RunLike,
    corners: Inputs = (0, 1, 2, 3),
    steps: int = 7,
    *,
    images: ImagesLike | None = None,
    latents: Tensor | None = None,
    interpolation: Interpolation | None = None,
) -> Tensor:
    """A square of images between four corners, uint8 (steps * steps, C, H, W) in reading order.

    run: a run, its directory, a weights file or a model.
    corners: top left, top right, bottom left, bottom right: seeds, pictures (as for `interpolate`) or names saved in
        the run.
    steps: images a side, 2 or more.
    images: instead of `corners`, four pictures to encode.
    latents: instead of `corners`, (4, *latent shape).
    interpolation: "spherical" or "linear", as for `interpolate`.
    Raises `UserError` unless there are four corners, and for a model that cannot decode.
    """
    if steps < 2:
        raise UserError(f"steps={steps}, but a square with four corners has 2 pictures a side or more.")
    model, parts = load_decoder(run)
    if latents is None:
        latents = resolve_inputs(run, corners, model=model).latents if images is None else encode(model, images)
    if len(latents) != CORNERS:
        raise UserError(f"A blend has four corners, and there are {len(latents)}: give four inputs.")
    fractions = torch.linspace(0, 1, steps)
    linear = torch.stack([1 - fractions, fractions], 1)
    weights = torch.einsum("yi,xj->yxij", linear, linear).reshape(-1, CORNERS)
    return decode(model, mix(latents, weights, parts, interpolation or default_interpolation(model)))
