"""Four corner pictures and all mixtures of them, as a square: bilinear in the latents."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.inputs import Point, points_of
from imagewright.latent.walks.paths import decoder_of, mixed
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode
from imagewright.verbs.paths import Way, usual_way

CORNERS = 4


def blend(
    run: RunLike,
    corners: Sequence[Point] = (0, 1, 2, 3),
    steps: int = 7,
    *,
    images: ImagesLike | None = None,
    latents: Tensor | None = None,
    way: Way | None = None,
) -> Tensor:
    """Mixtures of four pictures, uint8 (steps * steps, C, H, W) in reading order: a square of `steps` pictures a side.

    `corners`: top left, top right, bottom left, bottom right, each a seed, a picture file or a name kept in the run;
    or else four `images`, or `latents` (4, *latent shape). `way`: as for `interpolate`.
    """
    if steps < 2:
        raise UserError(f"steps={steps}, but a square with four corners has 2 pictures a side or more.")
    model, parts = decoder_of(run)
    if latents is None:
        latents = points_of(run, corners, model=model).latents if images is None else encode(model, images)
    if len(latents) != CORNERS:
        raise UserError(f"A blend has four corners, and there are {len(latents)}: give four points.")
    across = torch.linspace(0, 1, steps)
    left_right = torch.stack([1 - across, across], 1)
    weights = torch.einsum("yi,xj->yxij", left_right, left_right).reshape(-1, CORNERS)
    return decode(model, mixed(latents, weights, parts, way or usual_way(model)))
