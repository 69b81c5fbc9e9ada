"""The mean and the variance of each pixel value, in one pass over a stream. N images, D pixel values."""

from __future__ import annotations

import torch
from torch import Tensor

from imagewright.model import Stream
from imagewright.shared_work import SharedPass
from imagewright.statistics.spectra import STREAMED_IMAGES


def mean_and_variance(images: Stream) -> tuple[Tensor, Tensor]:
    """(D,) each, float32; the variance has N in the denominator. Summed in double precision around the first picture,
    so that nothing cancels and a constant pixel has a variance of exactly zero. In a block of `sharing_work` the ranks
    share the pictures."""
    origin = next(images.batches(1)).flatten(1)[0]
    count, total = 0, torch.zeros(len(origin), dtype=torch.float64)
    squares = torch.zeros(len(origin), dtype=torch.float64)
    share = SharedPass(images, STREAMED_IMAGES)
    for batch in share:
        rows = (batch.flatten(1) - origin).double()
        total += rows.sum(0)
        squares += rows.square().sum(0)
        count += len(rows)
    count, total, squares = share.sums(count, total, squares)
    shift = total / count
    return (origin + shift).float(), (squares / count - shift.square()).clamp(min=0).float()
