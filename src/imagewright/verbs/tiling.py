"""Networks applied to images of any size: padded by reflection to a size that they take, large ones in tiles.

Tiles overlap, and are blended by weights that rise smoothly from 0 near a tile's edge and add up to 1 at every pixel. A
function that treats each pixel by itself therefore gives the same in tiles, to the byte. Norms by the statistics of an
image take those of the whole one (`tiles_in_step.py`).
Shape letters: C channels, H W the image, h w a tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from imagewright.errors import UserError
from imagewright.pixels import size_text, to_uint8
from imagewright.verbs.tiles_in_step import Tile, tiles_in_step

TILE = 1024  # pixels a side that are computed at once; larger images are cut
OVERLAP = 8  # neighbouring tiles share at least one part in this many of a side
MARGIN = 1 / 4  # of an overlap: what a tile shows at its very edge, where the network sees no further, counts nothing
SEARCHED = 4096  # pixels a side above the wanted size, among which a possible size is searched

NearestSize = Callable[[int, int], tuple[int, int]]
"""`Config.nearest_size`: (height, width) to the nearest size that a model can do."""


def apply_at_any_size(
    function: Callable[[Tensor], Tensor], image: Tensor, nearest_size: NearestSize, *, tile: int = TILE
) -> Tensor:
    """An image uint8 (C, H, W) through a function that takes some sizes only; uint8 (C', H, W).

    function: float images (1, C, h, w) in [-1, 1] to float images (1, C', h, w); any device. Its sizes are those that
        `nearest_size` returns unchanged.
    tile: images with a longer side are cut into tiles of about this side.

    Raises `UserError` if no size is large enough.
    """
    height, width = image.shape[-2:]
    h, w = tile_size(nearest_size, height, width, tile)
    down_step, across_step = tile_steps(nearest_size, h, w)
    canvas = pad_by_reflection(image, _reached(height, h, down_step), _reached(width, w, across_step))
    tops, lefts = tile_starts(canvas.shape[1], h, down_step), tile_starts(canvas.shape[2], w, across_step)
    down, across = blending_weights(tops, h), blending_weights(lefts, w)
    tiles = [
        Tile(canvas[None, :, top : top + h, left : left + w], rows, columns)
        for top, rows in zip(tops, down, strict=True)
        for left, columns in zip(lefts, across, strict=True)
    ]
    made = tiles_in_step(function, tiles)
    finished: list[Tensor] = []
    unfinished: Tensor | None = None  # sums of the rows that the next tiles reach as well
    for row, top in enumerate(tops):
        sums: Tensor | None = None
        for column, left in enumerate(lefts):
            # In float64, so that equal values from several tiles add up to that very value.
            weighted = next(made)[0].to("cpu", torch.float64) * (down[row][:, None] * across[column])
            if sums is None:
                sums = weighted.new_zeros(len(weighted), h, canvas.shape[2])
            sums[:, :, left : left + w] += weighted
        assert sums is not None
        if unfinished is not None:
            sums[:, : unfinished.shape[1]] += unfinished
        rows = tops[row + 1] - top if row + 1 < len(tops) else h
        finished.append(to_uint8(sums[:, :rows]))
        unfinished = sums[:, rows:]
    above, before = (canvas.shape[1] - height) // 2, (canvas.shape[2] - width) // 2
    return torch.cat(finished, 1)[:, above : above + height, before : before + width]


def tile_size(nearest_size: NearestSize, height: int, width: int, tile: int) -> tuple[int, int]:
    """The size of the tiles of an image: as few as can be of `tile` pixels a side, and then as small as can be.

    >>> tile_size(lambda height, width: (4 * round(height / 4), 4 * round(width / 4)), 33, 1100, 1024)
    (36, 616)
    """
    h, w = smallest_size(nearest_size, min(height, tile), min(width, tile))
    shares = [_share(max(side, each), each) for side, each in ((height, h), (width, w))]
    smaller = smallest_size(nearest_size, *shares)
    return min(h, smaller[0]), min(w, smaller[1])


def _share(side: int, tile: int) -> int:
    """The side of the smallest tiles that cover a side, as many as tiles of this size and overlapping as much."""
    count = len(tile_starts(side, tile))
    return tile if count == 1 else math.ceil((side + (count - 1) * (tile // OVERLAP)) / count)


def smallest_size(nearest_size: NearestSize, height: int, width: int) -> tuple[int, int]:
    """The first size that a model can do and that holds (height, width), found by asking for larger and larger ones.

    >>> smallest_size(lambda height, width: (4 * round(height / 4), 4 * round(width / 4)), 33, 40)
    (36, 40)
    """
    asked = [height, width]
    while max(asked[0] - height, asked[1] - width) <= SEARCHED:
        found = nearest_size(*asked)
        short = [axis for axis, least in enumerate((height, width)) if found[axis] < least]
        if not short:
            return found
        for axis in short:
            asked[axis] += 1
    raise UserError(
        f"A picture of {size_text((height, width))} is larger than all that the model can do: the nearest size is "
        f"{size_text(found)}. Resize the pictures to that size first."
    )


def pad_by_reflection(image: Tensor, height: int, width: int) -> Tensor:
    """An image (C, H, W) in the middle of a larger one, (C, height, width), mirrored at its borders as often as needed.

    >>> pad_by_reflection(torch.tensor([[[1, 2, 3]]]), 1, 9)
    tensor([[[2, 3, 2, 1, 2, 3, 2, 1, 2]]])
    """
    rows, columns = (_reflected(side, total) for side, total in zip(image.shape[-2:], (height, width), strict=True))
    return image[:, rows][:, :, columns]


def _reflected(side: int, total: int) -> Tensor:
    """The pixel of a side that each of `total` pixels shows; the border itself is not repeated."""
    period = max(1, 2 * (side - 1))
    places = (torch.arange(total) - (total - side) // 2) % period
    return torch.where(places < side, places, period - places)


def tile_steps(nearest_size: NearestSize, h: int, w: int) -> tuple[int, int]:
    """The multiples at which tiles begin, down and across: the distances to the next possible sizes.

    A network that halves its input answers differently if that is moved by a pixel. Distances that are large beside the
    tile, as between powers of two, say nothing: 1 then.

    >>> tile_steps(lambda height, width: (4 * round(height / 4), 4 * round(width / 4)), 64, 64)
    (4, 4)
    """
    try:
        next_h, next_w = smallest_size(nearest_size, h + 1, w)[0], smallest_size(nearest_size, h, w + 1)[1]
    except UserError:
        return 1, 1
    down, across = next_h - h, next_w - w
    return (down if down <= h // OVERLAP else 1), (across if across <= w // OVERLAP else 1)


def _reached(side: int, tile: int, step: int) -> int:
    """The side that tiles cover which begin at multiples of `step`, the last one too."""
    return tile + max(0, math.ceil((side - tile) / step)) * step


def tile_starts(side: int, tile: int, step: int = 1) -> list[int]:
    """Where tiles begin along a side: evenly spaced multiples of `step`, the first and the last at the borders.

    >>> tile_starts(64, 64), tile_starts(100, 64), tile_starts(200, 64), tile_starts(200, 64, 8)
    ([0], [0, 36], [0, 45, 91, 136], [0, 48, 88, 136])
    """
    if side == tile:
        return [0]
    overlap = tile // OVERLAP
    count = math.ceil((side - overlap) / (tile - overlap))
    return [step * round(index * (side - tile) / step / (count - 1)) for index in range(count)]


def blending_weights(starts: list[int], tile: int) -> list[Tensor]:
    """A weight for each pixel of each tile along a side, float64 (tile,); at every pixel of the side they add up to 1.

    Weights rise as a squared sine within the overlap with the tile before, and fall so within that with the tile after.
    """
    windows = []
    for index, start in enumerate(starts):
        window = torch.ones(tile, dtype=torch.float64)
        if index > 0:
            shared = starts[index - 1] + tile - start
            window[:shared] *= _rise(shared)
        if index + 1 < len(starts):
            shared = start + tile - starts[index + 1]
            window[tile - shared :] *= _rise(shared).flip(0)
        windows.append(window)
    total = torch.zeros(starts[-1] + tile, dtype=torch.float64)
    for start, window in zip(starts, windows, strict=True):
        total[start : start + tile] += window
    return [window / total[start : start + tile] for start, window in zip(starts, windows, strict=True)]


def _rise(count: int) -> Tensor:
    """From 0 to 1 in `count` steps, smoothly between the margins; float64."""
    places = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return torch.sin(torch.pi / 2 * ((places - MARGIN) / (1 - 2 * MARGIN)).clamp(0, 1)).square()
