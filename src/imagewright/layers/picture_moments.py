"""The moments of a whole picture, for norms that see one of its tiles.

A norm that takes the mean and the variance of its input sees those of a tile, so that neighbouring tiles of one picture
come out with different brightness. Whoever cuts a picture into tiles says inside `given_moments` which moments its
norms take instead. Shape letters: N batch, C channels, H W map.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

Moments = tuple[Tensor, Tensor]
"""Mean and variance (biased) of each channel, (C,), on the CPU."""
MomentsOf = Callable[[Tensor], Moments]
AT_ONCE = 16  # channels of a large map that are computed at once: less memory than the map itself

_given = threading.local()  # each tile may have a thread of its own


@contextmanager
def given_moments(moments_of: MomentsOf) -> Iterator[None]:
    """Inside the block and in this thread, norms take `moments_of(maps)`, called once by each norm in their order."""
    before = getattr(_given, "moments_of", None)
    _given.moments_of = moments_of
    try:
        yield
    finally:
        _given.moments_of = before


def picture_moments(maps: Tensor) -> Moments | None:
    """The moments to normalise one image (1, C, H, W) by; None if they are its own, as for several images."""
    moments_of: MomentsOf | None = getattr(_given, "moments_of", None)
    return None if moments_of is None or len(maps) != 1 else moments_of(maps)


def normalise_by(
    maps: Tensor, moments: Moments, eps: float, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Maps (N, C, H, W) less these means, over the square roots of these variances; times weight plus bias, (C,)."""
    mean, variance = (each.to(maps.device, maps.dtype)[:, None, None] for each in moments)
    scale = (variance + eps).rsqrt_()
    if weight is not None:
        scale = scale * weight[:, None, None]
    normed = (maps - mean).mul_(scale)
    return normed if bias is None else normed.add_(bias[:, None, None])


def weighted_moments(maps: Tensor, rows: Tensor, columns: Tensor) -> Moments:
    """Moments of one image (1, C, H, W) whose pixel (i, j) counts rows[i] * columns[j], in float64.

    rows: float64 (H,); columns: float64 (W,).
    """
    means, variances = [], []
    total = rows.sum() * columns.sum()
    rows, columns = (each.to(maps.device, maps.dtype) for each in (rows, columns))
    for part in maps[0].split(AT_ONCE):
        mean = (part @ columns @ rows).cpu().double() / total
        squares = (part - mean.to(part.device, part.dtype)[:, None, None]).square_()
        means.append(mean)
        variances.append((squares @ columns @ rows).cpu().double() / total)
    return torch.cat(means), torch.cat(variances)
