"""Images along the way between latents: of seeds, of given pictures, or of what is kept in the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.inputs import Point, points_of
from imagewright.latent.walks.paths import decoder_of, walk
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, RunLike, decode, decode_blocks, encode
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
    model, walked = _walk_latents(run, steps, ends, images, latents, way, loop=loop, pace=pace)
    return decode(model, walked)


def interpolation_frames(
    run: RunLike,
    steps: int = 8,
    *,
    ends: Sequence[Point] = (0, 1),
    images: ImagesLike | None = None,
    latents: Tensor | None = None,
    way: Interpolation | None = None,
    loop: bool = False,
    pace: Literal["even", "smooth"] = "even",
) -> Iterator[Tensor]:
    """The images of `interpolate`, uint8 (C, H, W), one after another: decoded in blocks as they are asked for.

    For animations, whose frames need not be held at once. The arguments are those of `interpolate`, and are checked
    when this is called.
    """
    model, walked = _walk_latents(run, steps, ends, images, latents, way, loop=loop, pace=pace)
    return (image for block in decode_blocks(model, walked) for image in block)


def _walk_latents(
    run: RunLike,
    steps: int,
    ends: Sequence[Point],
    images: ImagesLike | None,
    latents: Tensor | None,
    way: Interpolation | None,
    *,
    loop: bool,
    pace: Literal["even", "smooth"],
) -> tuple[Model, Tensor]:
    """The model, and the latents from each end to the next."""
    if steps < 2:
        raise UserError(f"steps={steps}, but a way has two ends: give 2 or more.")
    model, parts = decoder_of(run)
    if latents is None:
        latents = points_of(run, ends, model=model).latents if images is None else encode(model, images)
    if len(latents) < 2:
        raise UserError(f"An interpolation needs two ends or more, and there is {len(latents)}.")
    return model, walk(latents, steps, parts, way or default_interpolation(model), loop=loop, pace=pace)
