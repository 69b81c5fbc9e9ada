"""Images along the way between latents: of seeds, of given pictures, or of what is kept in the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.inputs import Point, points_of
from imagewright.latent.walks.paths import decoder_of, walk
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode
from imagewright.verbs.paths import Interpolation, default_interpolation


def interpolate(
    run: RunLike,
    steps: int = 8,
    *,
    ends: Sequence[Point] = (0, 1),
    images: ImagesLike | None = None,
    latents: Tensor | None = None,
    way: Interpolation | None = None,
    loop: bool = False,
    pace: Literal["even", "smooth"] = "even",
) -> Tensor:
    """Images from each end to the next, uint8 (legs * (steps - 1) + 1, C, H, W), without the last where it loops.

    `ends`: seeds (their first sample), picture files, names kept in the run; or else all of `images`, encoded; or
    `latents` (E, *latent shape). `steps`: images of one leg, ends included. `loop`: back to the first end as well,
    so that the images repeat without a jump.
    `way`: spherical keeps the length that draws from a Gaussian prior have (White 2016, arXiv:1609.04468); linear is a
    straight line; by default the first where the model draws such latents. `pace`: even, or smooth: resting at ends.
    """
    if steps < 2:
        raise UserError(f"steps={steps}, but a way has two ends: give 2 or more.")
    model, parts = decoder_of(run)
    if latents is None:
        latents = points_of(run, ends, model=model).latents if images is None else encode(model, images)
    if len(latents) < 2:
        raise UserError(f"An interpolation needs two ends or more, and there is {len(latents)}.")
    return decode(model, walk(latents, steps, parts, way or default_interpolation(model), loop=loop, pace=pace))
