"""Single picture files at a size of one's choice, for tools that are given a few pictures and not a set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import DataError
from imagewright.images.decoding.formats import Unreadable, decode, read_header
from imagewright.images.decoding.preprocessing import Recipe

if TYPE_CHECKING:
    from torch import Tensor


def read_pictures(paths: Sequence[str | Path], size: tuple[int, int], channels: int) -> tuple[Tensor, list[str]]:
    """Pictures of (height, width) `size`, uint8 (N, C, H, W), and a sentence on each that had to be changed for it.

    One of another shape is scaled (Lanczos) to fill the target, and what hangs over is cut evenly, as `open_images`
    does. Raises `DataError` for a file that is missing or no picture.
    """
    import torch

    recipe = Recipe(*size, channels, "centre", "lanczos")
    pixels, said = [], []
    for path in map(Path, paths):
        try:
            payload = path.read_bytes()
            header = read_header(payload)
            pixels.append(recipe.apply(decode(payload, channels)).transpose(2, 0, 1))
        except OSError as error:
            raise DataError(f"The picture {path} cannot be read ({error.strerror}).") from None
        except Unreadable as reason:
            raise DataError(f"The picture {path} cannot be read: {reason}.") from None
        changed = []
        if (header.height, header.width) != size:
            changed.append(f"resized from {header.height}x{header.width} to {size[0]}x{size[1]}")
        if header.channels != channels:
            named = {1: "grey", 3: "RGB", 4: "RGBA"}
            changed.append(f"converted from {named[header.channels]} to {named[channels]}")
        if changed:
            said.append(f"{path.name} is {' and '.join(changed)}, as the model takes it.")
    return torch.from_numpy(np.stack(pixels)), said
