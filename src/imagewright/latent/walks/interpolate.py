"""Images along a path between latents: of seeds, of pictures, or of names saved in the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.inputs import Inputs, of_classes, resolve_inputs
from imagewright.latent.walks.paths import load_decoder, walk
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, RunLike, decode, decode_blocks, encode
from imagewright.verbs.paths import Interpolation, default_interpolation


def interpolate(
    run: RunLike,
    steps: int = 8,
    *,
    ends: Inputs | None = None,
    images: ImagesLike | None = None,
    latents: Tensor | None = None,
    labels: str | Sequence[str] = (),
    interpolation: Interpolation | None = None,
    loop: bool = False,
    pace: Literal["even", "smooth"] = "even",
) -> Tensor:
    """Images from each end to the next, uint8 (legs * (steps - 1) + 1, C, H, W); with `loop` the last one is left out.

    run: a run, its directory, a weights file or a model.
    steps: images of one leg, both ends included; 2 or more.
    ends: seeds (their first sample), pictures, or names saved in the run; by default 0 and 1. A picture is a file, a
        Pillow image, or an array or tensor (C, H, W), (H, W, C) or (H, W).
    images: instead of `ends`, pictures to encode, each an end.
    latents: instead of `ends`, (E, *latent shape).
    labels: classes of the ends, which are then one seed (0 by default) or one for each class. A model whose latents
        hold the class, such as cgan or biggan, mixes classes on the way.
    interpolation: "spherical" keeps the length that samples of a Gaussian prior have (White 2016, arXiv:1609.04468);
        "linear" is a straight line. By default spherical if the model samples such latents, else linear.
    loop: add a leg from the last end to the first, so that the images repeat without a jump.
    pace: "even", or "smooth", which slows down at the ends.
    Raises `UserError` for fewer than two ends or steps, and for a model that cannot decode.
    """
    model, path = _build_path(run, steps, ends, images, latents, labels, interpolation, loop=loop, pace=pace)
    return decode(model, path)


def interpolation_frames(
    run: RunLike,
    steps: int = 8,
    *,
    ends: Inputs | None = None,
    images: ImagesLike | None = None,
    latents: Tensor | None = None,
    labels: str | Sequence[str] = (),
    interpolation: Interpolation | None = None,
    loop: bool = False,
    pace: Literal["even", "smooth"] = "even",
) -> Iterator[Tensor]:
    """The images of `interpolate` one after another, uint8 (C, H, W), decoded in blocks when they are needed.

    For animations, whose frames need not be in memory at once. Arguments are those of `interpolate`, and are checked
    when this function is called.
    """
    model, path = _build_path(run, steps, ends, images, latents, labels, interpolation, loop=loop, pace=pace)
    return (image for block in decode_blocks(model, path) for image in block)


def _build_path(
    run: RunLike,
    steps: int,
    ends: Inputs | None,
    images: ImagesLike | None,
    latents: Tensor | None,
    labels: str | Sequence[str],
    interpolation: Interpolation | None,
    *,
    loop: bool,
    pace: Literal["even", "smooth"],
) -> tuple[Model, Tensor]:
    """The model, and the latents from each end to the next."""
    if steps < 2:
        raise UserError(f"steps={steps}, but a path has two ends: give 2 or more.")
    model, parts = load_decoder(run)
    if labels:
        ends = of_classes(model, ends, labels)
    if latents is None:
        ends = (0, 1) if ends is None else ends
        latents = resolve_inputs(run, ends, model=model).latents if images is None else encode(model, images)
    if len(latents) < 2:
        raise UserError(f"An interpolation needs two ends or more, and there is {len(latents)}.")
    return model, walk(latents, steps, parts, interpolation or default_interpolation(model), loop=loop, pace=pace)
