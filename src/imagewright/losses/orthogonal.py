"""Orthogonal regularisation of weights: rows of a weight, as a matrix, should be orthogonal.

W is a weight as a matrix of its first dimension and all others.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def squared_products_of_rows(weight: Tensor) -> Tensor:
    """The sum of squares of W W^T off its diagonal: Brock et al. 2019, arXiv:1809.11096, eq. 3. Lengths are free."""
    rows = weight.flatten(1)
    products = rows @ rows.t()
    return products.square().sum() - products.diagonal().square().sum()


def squared_distance_from_orthogonal(weight: Tensor) -> Tensor:
    """The sum of squares of W W^T - I; rows are to have length 1 too. Brock et al. 2017, arXiv:1609.07093, eq. 3."""
    rows = weight.flatten(1)
    return (rows @ rows.t() - torch.eye(len(rows), device=rows.device, dtype=rows.dtype)).square().sum()


def orthogonal_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Half of `squared_products_of_rows`, summed over weights, in fp32.

    Half, because its gradient is then 2 (W W^T off its diagonal) W, to which the published strength of 1e-4 belongs.
    """
    found = list(weights)
    with torch.autocast(found[0].device.type, enabled=False):
        return torch.stack([squared_products_of_rows(weight) for weight in found]).sum() / 2
