"""Decode one range of pictures into rows of pixels: the work of one thread, or of one worker process."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imagewright.errors import DataError
from imagewright.images.cache.store import Skipped, Write
from imagewright.images.decoding.formats import Unreadable, decode, from_array
from imagewright.images.decoding.parallel import Range
from imagewright.images.decoding.preprocessing import Recipe
from imagewright.images.sources.base import Payload, Source

CHUNK_BYTES = 2**23
CHUNK_PICTURES = 256


def rows_at_once(recipe: Recipe) -> int:
    """How many pictures are held decoded before they are written: up to 256, or 8 MiB."""
    height, width = recipe.canvas
    return max(1, min(CHUNK_PICTURES, CHUNK_BYTES // (height * width * recipe.channels)))


def to_pixels(payload: Payload, recipe: Recipe) -> np.ndarray:
    """One picture as read, on the canvas of the recipe: uint8 (H, W, C). Raises `Unreadable`."""
    if isinstance(payload, Unreadable):
        raise payload
    if isinstance(payload, np.ndarray):
        if payload.shape == (*recipe.canvas, recipe.channels):
            return payload
        return recipe.apply(from_array(payload, recipe.channels))
    return recipe.apply(decode(payload, recipe.channels))


def decode_range(
    source: Source,
    recipe: Recipe,
    write: Write,
    bounds: Range,
    *,
    strict: bool,
    count: Callable[[int], None],
    stopped: Callable[[], bool],
) -> list[Skipped]:
    """Decode the pictures of `bounds`, and `write` their rows; unreadable ones leave zeros and are returned.

    `count` is told of pictures done, `stopped` asked before each. With `strict` an unreadable one raises `DataError`.
    """
    rows = np.zeros((min(rows_at_once(recipe), bounds[1] - bounds[0]), *recipe.canvas, recipe.channels), np.uint8)
    first, filled = bounds[0], 0
    skipped: list[Skipped] = []
    for index, payload in enumerate(source.read(np.arange(*bounds)), bounds[0]):
        if stopped():
            return skipped
        try:
            rows[filled] = to_pixels(payload, recipe)
        except Unreadable as reason:
            if strict:
                raise DataError(f"{source.typed}: {source.name(index)} cannot be read: {reason}.") from reason
            rows[filled] = 0
            skipped.append((index, source.name(index), str(reason)))
        filled += 1
        if filled == len(rows) or index + 1 == bounds[1]:
            write(first, rows[:filled])
            count(filled)
            first, filled = index + 1, 0
    return skipped
