"""A short clip of a sprite that moves, turns and changes its size and hue, whose factors are known in each frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from imagewright.errors import ConfigError
from imagewright.files import written_together
from imagewright.images.shapes.drawing import draw_sprites
from imagewright.images.shapes.factors import FACTORS, RANGES, SHAPES, TEXTURES, Sprites, sample_sprites
from imagewright.output.tables import write_table
from imagewright.output.writing import ANIMATIONS, check_suffix, refuse_existing, write_animation
from imagewright.progress import Progress, ProgressCounter

CLIP = "clip"
FRAMES_PER_SECOND = 24.0
MOST = 100_000  # frames
TIMES = {"x": 1, "y": 2, "size": 3, "turn": 2}  # how often each factor goes to and fro in the clip


def clip_sprites(count: int, seed: int) -> Sprites:
    """The sprite of each frame: a shape, a texture and a background by the seed, and a path that ends as it begins."""
    if not 1 <= count <= MOST:
        raise ConfigError(f"count={count}: a clip has from 1 to {MOST:,} frames.")
    first = sample_sprites(1, seed)
    phase = 2 * np.pi * np.arange(count) / count
    moving = {}
    for name, times in TIMES.items():
        low, high = RANGES[name]
        start = np.arcsin(np.clip(2 * (getattr(first, name)[0] - low) / (high - low) - 1, -1, 1))
        moving[name] = (low + high) / 2 + (high - low) / 2 * np.sin(times * phase + start)
    still = {name: np.repeat(getattr(first, name), count) for name in ("shape", "texture", "background")}
    return Sprites(**still, hue=(first.hue[0] + np.degrees(phase)) % 360, **moving)


def write_clip(
    path: Path, count: int, size: int, seed: int, *, force: bool = False, progress: Progress | None = None
) -> tuple[int, Path]:
    """Write a clip and its table of factors, a row a frame, or neither. Returns the frames and the table's path."""
    check_suffix(path, ANIMATIONS)
    table = path.with_suffix(".csv")
    refuse_existing([path, table], force=force)
    if not 16 <= size <= 1024:
        raise ConfigError(f"size={size}: a clip is drawn with 16 to 1,024 pixels a side.")
    sprites, counter = clip_sprites(count, seed), ProgressCounter(count, progress)

    def frames() -> Iterator[torch.Tensor]:
        for number in range(count):
            picture = draw_sprites(sprites.take(slice(number, number + 1)), size)[0]
            counter.advance()
            yield torch.from_numpy(picture).permute(2, 0, 1)

    names = [name for name in FACTORS if name != "texture"]
    rows = (
        [number, SHAPES[sprites.shape[number]], TEXTURES[sprites.texture[number]]]
        + [f"{getattr(sprites, name)[number]:.5f}" for name in names]
        for number in range(count)
    )
    with written_together():
        write_animation(frames(), path, frames_per_second=FRAMES_PER_SECOND, scale=1, force=force)
        write_table(table, ["frame", "class", "texture", *names], rows, force=force)
    return count, table
