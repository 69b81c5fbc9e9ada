"""A video of a walk through latents: of a given length, at a fixed frame rate, decoded and encoded frame by frame.

A walk goes smoothly through key latents and back to the first, so that it repeats without a jump; several go side by
side in a grid. Memory does not grow with the length. Shape letters: K keys, G walks of a grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.inputs import Inputs, resolve_inputs
from imagewright.latent.walks.paths import load_decoder, smooth_loop
from imagewright.model import Model
from imagewright.output.grids import plain_grid
from imagewright.output.writing import ANIMATIONS, check_suffix, refuse_existing, write_animation
from imagewright.progress import Progress
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import RunLike, decode, resolve_model, sample_latents
from imagewright.verbs.blocks import block_size
from imagewright.verbs.paths import Interpolation, default_interpolation

SECONDS_A_KEY, LEAST_KEYS = 2.0, 4  # of samples, by default: a walk through fewer goes back the way it came
CELL = 128  # pixels of the longer side of a picture in a grid, about
MOST_FRAMES, MOST_WALKS = 10_000_000, 400


def write_walk(
    run: RunLike,
    path: str | Path,
    seconds: float = 16.0,
    *,
    frames_per_second: float = 30.0,
    keys: Inputs | None = None,
    count: int | None = None,
    label: int | str | None = None,
    grid: tuple[int, int] = (1, 1),
    seed: int = 0,
    interpolation: Interpolation | None = None,
    scale: int | None = None,
    progress: Progress | None = None,
    model: Model | None = None,
    force: bool = False,
) -> list[str]:
    """Write a video of a walk through latents and back to its start. Returns notes for the user.

    run: a run, its directory, a weights file or a model that decodes.
    path: .mp4, in memory that does not grow with the length; or .webp or .gif, for which Pillow needs all frames.
    seconds: length of the video.
    frames_per_second: its rate, more than 0 and at most 100.
    keys: seeds, pictures (as for `interpolate`) or names saved in the run that a walk goes through, two or more; each
        walk of a grid starts at another one. By default samples, others for each walk.
    count: samples a walk goes through, 2 or more; by default one for two seconds, and at least 4.
    label: the class of the samples, if the model is conditioned on classes.
    grid: rows and columns of walks side by side.
    seed: of the samples.
    interpolation: "spherical" or "linear", as for `interpolate`.
    scale: each side of an image becomes so many times as long; by default about 256 pixels, in a grid 128.
    progress: called with (frames done, frames in all).
    model: the run's model, if it is loaded already.
    force: replace a file that exists.
    Raises `UserError` for a model that cannot decode, or not sample if no keys are given, and for numbers out of range;
    `RunError` if the file exists or cannot be written.
    """
    check_suffix(path, ANIMATIONS)
    refuse_existing([path], force=force)
    frames = _count_frames(seconds, frames_per_second)
    if min(grid) < 1 or math.prod(grid) > MOST_WALKS:
        raise UserError(f"grid={grid[0]}x{grid[1]}, but a grid has 1 to {MOST_WALKS} walks: give rows and columns.")
    model, parts = load_decoder(resolve_model(run) if model is None else model)
    latents, names, notes = _resolve_keys(run, model, keys, count, label, math.prod(grid), seed, seconds)
    chosen = interpolation or default_interpolation(model)

    def decoded() -> Iterator[Tensor | Image.Image]:
        size = block_size(*model.config.size)
        for first in range(0, frames, size):
            numbers = torch.arange(first, min(first + size, frames), dtype=torch.float64)
            times = numbers * latents.shape[1] / frames
            walks = torch.stack([smooth_loop(each, times, parts, chosen) for each in latents], 1)
            images = decode(model, walks.flatten(0, 1)).unflatten(0, walks.shape[:2])
            for number, frame in enumerate(images, first + 1):
                yield _tile(frame, grid[1], scale)
                if progress is not None:
                    progress(number, frames)

    settings: dict[str, Any] = {"seconds": seconds, "interpolation": chosen, "keys": names, "grid": list(grid)}
    settings |= {} if label is None else {"label": label}
    record = run_record("video", model, seed=None if keys is not None else seed, settings=settings)
    write_animation(decoded(), path, record, frames_per_second=frames_per_second, scale=scale, force=force)
    return [*training_notes(model), *notes]


def _count_frames(seconds: float, frames_per_second: float) -> int:
    if not 0 < seconds < math.inf:
        raise UserError(f"seconds={seconds:g}, but a video lasts more than 0 seconds.")
    if not 0 < frames_per_second <= 100:
        raise UserError(f"frames_per_second={frames_per_second:g}, but a rate is more than 0 and at most 100.")
    frames = round(seconds * frames_per_second)
    if not 2 <= frames <= MOST_FRAMES:
        raise UserError(
            f"{seconds:g} seconds at {frames_per_second:g} frames a second are {frames:,} frames, but a video has 2 to "
            f"{MOST_FRAMES:,}: give other --seconds or --frames-per-second."
        )
    return frames


def _resolve_keys(
    run: RunLike,
    model: Model,
    keys: Inputs | None,
    count: int | None,
    label: int | str | None,
    walks: int,
    seed: int,
    seconds: float,
) -> tuple[Tensor, list[str] | int, list[str]]:
    """Latents (G, K, *latent shape), what a record names them, and notes."""
    if keys is not None:
        if count is not None or label is not None:
            raise UserError("The walk goes through given keys (--between), not samples: leave count and label out.")
        resolved = resolve_inputs(run, keys, model=model)
        if len(resolved.latents) < 2:
            raise UserError("A walk goes through two keys or more, and there is 1.")
        return torch.stack([resolved.latents.roll(-walk, 0) for walk in range(walks)]), resolved.labels, resolved.notes
    count = max(LEAST_KEYS, round(seconds / SECONDS_A_KEY)) if count is None else count
    if count < 2:
        raise UserError(f"count={count}, but a walk goes through 2 samples or more.")
    return sample_latents(model, walks * count, seed, label).unflatten(0, (walks, count)), count, []


def _tile(images: Tensor, columns: int, scale: int | None) -> Tensor | Image.Image:
    """A frame: one image (C, H, W), or all images (G, C, H, W) side by side."""
    if len(images) == 1:
        return images[0]
    enlarged = max(1, round(CELL / max(images.shape[-2:]))) if scale is None else scale
    return plain_grid(images, columns, scale=enlarged)
