"""Distortion of decoded pictures: PSNR and SSIM (Wang et al. 2004, "Image quality assessment")."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor


def measure_psnr(pictures: Tensor, rebuilt: Tensor) -> float:
    """The peak signal-to-noise ratio of uint8 pictures in dB, of the mean squared error over all of them."""
    error = float((pictures.double() - rebuilt.double()).square().mean())
    return 10 * math.log10(255**2 / error) if error else math.inf


def measure_ssim(pictures: Tensor, rebuilt: Tensor) -> float | None:
    """The mean structural similarity of uint8 pictures (N, C, H, W); None below 3 pixels a side."""
    from skimage.metrics import structural_similarity

    side = min(7, *pictures.shape[2:])
    side -= (side + 1) % 2  # windows have odd sides
    if side < 3:
        return None
    pairs = zip(pictures.numpy(), rebuilt.numpy(), strict=True)
    values = [structural_similarity(one, two, channel_axis=0, data_range=255, win_size=side) for one, two in pairs]
    return float(np.mean(values))
