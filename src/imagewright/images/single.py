"""Single picture files at a chosen size, for tools that take a few pictures and not a set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import DataError
from imagewright.images.decoding.formats import Decoding, Unreadable, decode, deep_values, read_header
from imagewright.images.decoding.opening import read_encoded
from imagewright.images.decoding.preprocessing import Preprocessing, plain_layer
from imagewright.images.decoding.value_range import AUTO, DeepValues, ValueRange
from imagewright.images.opening import resolve_choices
from imagewright.pixels import size_text

if TYPE_CHECKING:
    from torch import Tensor


def read_pictures(paths: Sequence[str | Path], size: tuple[int, int], channels: int) -> tuple[Tensor, list[str]]:
    """Pictures at one size, and a sentence on each that had to be changed for it.

    paths: files of pictures.
    size: (height, width). A picture of another shape is scaled (Lanczos) to cover it, and the rest is cut off evenly,
        as `open_images` does.
    channels: 1, 3 or 4.
    Returns uint8 (N, C, H, W). Raises `DataError` for a file that is missing or no picture.
    """
    import torch

    preprocessing = Preprocessing(*size, plain_layer(channels), "centre", "lanczos")
    pixels, notes = [], []
    for path in map(Path, paths):
        try:
            payload = read_encoded(path)
            header = read_header(payload)
            values, range_notes = settle_values(payload, path)
            pixels.append(preprocessing.apply(decode(payload, channels, Decoding(values))).transpose(2, 0, 1))
        except OSError as error:
            raise DataError(f"The picture {path} cannot be read ({error.strerror}).") from None
        except Unreadable as reason:
            raise DataError(f"The picture {path} cannot be read: {reason}.") from None
        notes += range_notes
        changed = []
        if (header.height, header.width) != size:
            changed.append(f"resized from {size_text((header.height, header.width))} to {size_text(size)}")
        if header.channels != channels:
            named = {1: "grey", 3: "RGB", 4: "RGBA"}
            changed.append(f"converted from {named[header.channels]} to {named[channels]}")
        if changed:
            notes.append(f"{path.name} is {' and '.join(changed)}, as the model takes it.")
    return torch.from_numpy(np.stack(pixels)), notes


def settle_values(payload: bytes, path: str | Path) -> tuple[ValueRange | None, list[str]]:
    """The value range of one picture by the option `--value-range` of the block around, and notes. Raises `Unreadable`.

    payload: the bytes of the file.
    path: of the file, for the notes.
    """
    wanted = resolve_choices(None, None, None, None).value_range
    found = DeepValues()
    values = deep_values(payload)
    if values is not None:
        found.add(values)
    elif wanted == AUTO:
        return None, []
    return found.settle(wanted, Path(path).name)
