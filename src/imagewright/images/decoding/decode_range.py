"""Decoding of one range of pictures into rows of pixels: the work of one thread, or of one worker process."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imagewright.errors import DataError
from imagewright.images.cache.store import Skipped, Write
from imagewright.images.decoding.formats import Unreadable, decode, from_array
from imagewright.images.decoding.layered import layered_pixels
from imagewright.images.decoding.parallel import Range
from imagewright.images.decoding.preprocessing import Preprocessing
from imagewright.images.decoding.unreadable import Changed, Unreachable
from imagewright.images.sources.base import Payload, Source

CHUNK_BYTES = 2**23
CHUNK_PICTURES = 256


def rows_at_once(preprocessing: Preprocessing) -> int:
    """How many decoded pictures are in memory before they are written: up to 256, or 8 MiB."""
    height, width, channels = preprocessing.stored_shape
    return max(1, min(CHUNK_PICTURES, CHUNK_BYTES // (height * width * channels)))


def to_pixels(payload: Payload, preprocessing: Preprocessing) -> np.ndarray:
    """One picture, preprocessed: uint8 of the shape `preprocessing.stored_shape`. Raises `Unreadable`."""
    if isinstance(payload, tuple) or not preprocessing.is_plain:
        return layered_pixels(payload, preprocessing)
    if isinstance(payload, Unreadable):
        raise payload
    if isinstance(payload, np.ndarray):
        if payload.shape == preprocessing.stored_shape:
            return payload
        return preprocessing.apply(from_array(payload, preprocessing.channels))
    return preprocessing.apply(decode(payload, preprocessing.channels, preprocessing.decoding()))


def decode_range(
    source: Source,
    preprocessing: Preprocessing,
    write: Write,
    bounds: Range,
    *,
    strict: bool,
    count: Callable[[int], None],
    stopped: Callable[[], bool],
) -> list[Skipped]:
    """Decode the pictures of one range and write their rows; rows of unreadable pictures are zeros.

    bounds: (first, last + 1) in the source.
    write: called with the first row and the pixels of several rows.
    strict: whether an unreadable picture raises `DataError`.
    count: called with the number of pictures done since the last call.
    stopped: asked before each picture; true ends the work early.
    Returns the unreadable pictures.
    """
    rows = np.zeros((min(rows_at_once(preprocessing), bounds[1] - bounds[0]), *preprocessing.stored_shape), np.uint8)
    first, filled = bounds[0], 0
    skipped: list[Skipped] = []
    for index, payload in enumerate(source.read(np.arange(*bounds)), bounds[0]):
        if stopped():
            return skipped
        try:
            rows[filled] = to_pixels(payload, preprocessing)
        except Changed as reason:
            raise DataError(
                f"{source.typed}: {source.name(index)} {reason}: run again when nothing writes there."
            ) from reason
        except Unreadable as reason:
            if strict:
                raise DataError(f"{source.typed}: {source.name(index)} cannot be read: {reason}.") from reason
            rows[filled] = 0
            skipped.append(Skipped(index, source.name(index), str(reason), isinstance(reason, Unreachable)))
        filled += 1
        if filled == len(rows) or index + 1 == bounds[1]:
            write(first, rows[:filled])
            count(filled)
            first, filled = index + 1, 0
    return skipped
