"""Instance maps: their edges, and maps averaged over each instance.

Wang et al. 2018, arXiv:1711.11585, sections 3.3 and 3.4. An instance map gives each pixel the number of the object that
it belongs to. Shape letters: N batch, C channels, H W map.
"""

from __future__ import annotations

import torch
from torch import Tensor


def instance_edges(ids: Tensor) -> Tensor:
    """Whether each pixel has a left, right, upper or lower neighbour of another instance: bool (N, H, W).

    ids: integers (N, H, W).
    """
    across, down = ids[:, :, 1:] != ids[:, :, :-1], ids[:, 1:] != ids[:, :-1]
    edges = torch.zeros_like(ids, dtype=torch.bool)
    edges[:, :, 1:] |= across
    edges[:, :, :-1] |= across
    edges[:, 1:] |= down
    edges[:, :-1] |= down
    return edges


def mean_over_instances(maps: Tensor, ids: Tensor) -> Tensor:
    """Each pixel's values replaced by their mean over the instance of the pixel, image by image: (N, C, H, W).

    maps: float (N, C, H, W).
    ids: integers from 0 on, (N, H, W).
    """
    count, channels = maps.shape[:2]
    numbers = ids.long()
    offsets = torch.arange(count, device=ids.device).view(-1, 1, 1) * (numbers.max() + 1)
    places = _number_groups((numbers + offsets).flatten())
    # In fp32: in half precision a sum over some hundred pixels stops growing.
    values = maps.movedim(1, -1).reshape(-1, channels).float()
    sums = torch.zeros_like(values).index_add(0, places, values)
    sizes = torch.zeros_like(values[:, 0]).index_add(0, places, torch.ones_like(values[:, 0]))
    means = (sums / sizes.clamp(min=1)[:, None])[places]
    return means.view(count, *maps.shape[2:], channels).movedim(-1, 1).to(maps.dtype)


def _number_groups(keys: Tensor) -> Tensor:
    """A number for each of keys (P,), from 0 to P - 1, the same for equal keys.

    Not by `torch.unique`, for whose length the host would wait for the device.
    """
    order = keys.argsort()
    ordered = keys[order]
    begins = torch.ones_like(ordered).masked_fill(ordered == ordered.roll(1), 0)
    begins[0] = 1
    return torch.empty_like(keys).scatter(0, order, begins.cumsum(0) - 1)
