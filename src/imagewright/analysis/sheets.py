"""What the sheets of curation share: a few pictures of a large set, and captions that fit under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright.images import Images

SHEET_SIDE = 112
CAPTION = 16  # characters under a cell of that many pixels
BLANK = 250  # the paper's grey


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) to show pictures of that size at: their own, or that of a cell where they are larger."""
    longest = max(size)
    if longest <= SHEET_SIDE:
        return size
    return max(1, round(size[0] * SHEET_SIDE / longest)), max(1, round(size[1] * SHEET_SIDE / longest))


def pictures_of(images: Images, indices: np.ndarray, size: tuple[int, int]) -> Tensor:
    """The pictures `indices` in that order at (height, width), uint8 (N, C, H, W); -1 gives an empty cell.

    At another size than the set's own they are decoded one by one: the others need not be.
    """
    wanted, places = np.unique(indices[indices >= 0], return_inverse=True)
    if size == images.size:
        found = images.batch(wanted).images
    else:
        found = torch.cat([_decoded(images.subset(wanted[[place]]).with_size(size)) for place in range(len(wanted))])
    cells = torch.full((len(indices), images.channels, *size), BLANK, dtype=torch.uint8)
    cells[torch.from_numpy(indices >= 0)] = found[torch.from_numpy(places)]
    return cells


def _decoded(one: Images) -> Tensor:
    """One picture; an empty one where its file has gone meanwhile."""
    batch = next(one.stream(1), None)
    return torch.full((1, one.channels, *one.size), BLANK, dtype=torch.uint8) if batch is None else batch.images


def fit_caption(name: str, value: str) -> str:
    """The end of a file's name without its suffix, and a value: together no wider than a cell."""
    stem, room = Path(name).stem, CAPTION - len(value) - (2 if value else 0)
    stem = stem if len(stem) <= room else f"..{stem[-(room - 2) :]}"
    return f"{stem}  {value}" if value else stem
