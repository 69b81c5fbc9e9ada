"""Mode seeking: images of different codes should differ."""

from __future__ import annotations

from torch import Tensor


def mode_likeness(one: Tensor, other: Tensor, code: Tensor, other_code: Tensor, eps: float = 1e-5) -> Tensor:
    """How alike images are for how different their codes are, to be minimised: the mean of 1 / (ratio + eps).

    The ratio of a row is the mean absolute difference of its two images by that of their codes. Mao et al. 2019,
    arXiv:1903.05628, eq. 3 maximises it; its inverse is what the authors minimise.

    one, other: images (N, C, H, W).
    code, other_code: (N, Z), of these images.
    """
    apart = (one - other).abs().flatten(1).mean(1)
    return (1 / (apart / (code - other_code).abs().mean(1) + eps)).mean()
