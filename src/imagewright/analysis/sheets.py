"""Parts of the sheets of this folder: a few pictures of a large set, and captions that fit under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright.images import Images

SHEET_SIDE = 112  # pixels a side of a cell
CAPTION = 16  # characters that fit under a cell
BLANK = 250  # grey level of the background


def sheet_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) at which pictures of that size are shown: their own, or scaled down to fit a cell."""
    longest = max(size)
    if longest <= SHEET_SIDE:
        return size
    return max(1, round(size[0] * SHEET_SIDE / longest)), max(1, round(size[1] * SHEET_SIDE / longest))


def load_pictures(images: Images, indices: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Pictures of a set, uint8 (N, C, H, W).

    images: the set.
    indices: of the pictures, in the order of the result; -1 gives an empty cell.
    size: (height, width). Pictures of another size than the set's are decoded one by one, not the whole set.
    """
    wanted, places = np.unique(indices[indices >= 0], return_inverse=True)
    if size == images.size:
        found = images.batch(wanted).images
    else:
        found = torch.cat([_decode(images.subset(wanted[[place]]).with_size(size)) for place in range(len(wanted))])
    cells = torch.full((len(indices), images.channels, *size), BLANK, dtype=torch.uint8)
    cells[torch.from_numpy(indices >= 0)] = found[torch.from_numpy(places)]
    return cells


def _decode(one: Images) -> Tensor:
    """The picture of a set of one; an empty one if its file was removed."""
    batch = next(one.stream(1), None)
    return torch.full((1, one.channels, *one.size), BLANK, dtype=torch.uint8) if batch is None else batch.images


def fit_caption(name: str, value: str) -> str:
    """The end of a file's name without its suffix, and a value: together at most `CAPTION` characters."""
    stem, room = Path(name).stem, CAPTION - len(value) - (2 if value else 0)
    stem = stem if len(stem) <= room else f"..{stem[-(room - 2) :]}"
    return f"{stem}  {value}" if value else stem
