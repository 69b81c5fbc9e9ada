"""A distance of pictures by the maps of a network: of directions of features, not of their lengths.

As LPIPS before its fitted weights: Zhang et al. 2018, arXiv:1801.03924, eq. 1. Shape letters: N pictures, F features.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize


def feature_distance(maps: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """The mean squared distance of unit vectors of features, a mean over places, summed over maps; a scalar.

    maps, wanted: (N, F, h, w) each.
    """
    distances = [
        (normalize(one.float(), dim=1) - normalize(other.float(), dim=1)).square().sum(1).mean()
        for one, other in zip(maps, wanted, strict=True)
    ]
    return torch.stack(distances).sum()
