"""Parts of the sheets of this folder: a few pictures of a large set, and captions that fit under them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

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


def short_names(names: Sequence[str], room: int = CAPTION) -> list[str]:
    """Names of pictures to write under them: without suffix, at most `room` characters, each different from the others.

    The file's name alone if these differ, else with its folders: `cat/9`. A longer name keeps its start and its last
    word or number whole: `long-n...1234`. If two are still equal, they get their place in the list.
    """
    paths = [PurePosixPath(name) for name in names]
    parts = max((len(path.parts) for path in paths), default=1)
    short = [path.stem for path in paths]
    for kept in range(2, parts + 1):
        if len(set(short)) == len(set(names)):
            break
        short = ["/".join([*path.parts[-kept:-1], path.stem]) for path in paths]
    short = [shorten_middle(name, room) for name in short]
    counts = Counter(dict(zip(names, short, strict=True)).values())
    return [
        name if counts[name] == 1 else f"{shorten_middle(name, room - len(str(place)) - 2)} #{place}"
        for place, name in enumerate(short, 1)
    ]


def shorten_middle(name: str, room: int) -> str:
    """The name, or its start and its last word or number around an ellipsis."""
    if len(name) <= room:
        return name
    last = re.search(r"(\d+|[^\W\d_]+)\W*$", name)
    tail = last[0] if last is not None and len(last[0]) <= room - 5 else name[-(room // 2) :]
    return f"{name[: room - len(tail) - 3]}...{tail}"


def format_score(value: float) -> str:
    """A score in three digits; what would be 0.00 is 0."""
    return f"{value:.3g}" if abs(value) >= 1e-6 else "0"
