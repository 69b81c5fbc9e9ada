"""Structural dissimilarity as a loss: DSSIM = (1 - SSIM) / 2 at each pixel.

Wang, Bovik, Sheikh & Simoncelli 2004, eq. 13, with a Gaussian window; beyond the border a picture is as at the border.
The metric of the same name is computed in float64 and leaves borders out. Shape letters: N batch, C H W picture.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

K1, K2 = 0.01, 0.03


def structural_dissimilarity(images: Tensor, targets: Tensor, deviation: float = 1.5) -> Tensor:
    """DSSIM (N, C, H, W), 0 to 1, of pictures in [0, 1].

    deviation: of the window, in pixels.
    """
    images, targets = images.float(), targets.float()
    rows, columns = (gaussian_band(side, deviation, images) for side in images.shape[2:])
    # One product with band matrices for all five moments: far faster on a CPU than convolutions of single channels.
    moments = torch.stack([images, targets, images.square() + targets.square(), images * targets])
    first, second, squares, products = (rows @ moments @ columns.T).unbind(0)
    means = first.square() + second.square()
    both = first * second
    luminance = (2 * both + K1**2) / (means + K1**2)
    structure = (2 * (products - both) + K2**2) / (squares - means + K2**2)
    return (1 - luminance * structure) / 2


def gaussian_band(side: int, deviation: float, like: Tensor) -> Tensor:
    """(side, side): products with it are means with Gaussian weights, of the border's pixels beyond the border."""
    reach = max(1, math.ceil(3 * deviation))
    offsets = torch.arange(-reach, reach + 1, device=like.device)
    weights = torch.exp(-0.5 * (offsets.to(torch.float64) / deviation) ** 2)
    weights = (weights / weights.sum()).to(like.dtype)
    places = torch.arange(side, device=like.device)[:, None]
    columns = (places + offsets).clamp(0, side - 1)
    band = like.new_zeros(side, side, dtype=like.dtype)
    return band.scatter_add_(1, columns, weights.expand(side, -1).contiguous())


def blur(maps: Tensor, deviation: float) -> Tensor:
    """Maps (N, C, H, W) blurred by a Gaussian."""
    rows, columns = (gaussian_band(side, deviation, maps) for side in maps.shape[2:])
    blurred: Tensor = rows @ maps @ columns.T
    return blurred
