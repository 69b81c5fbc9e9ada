"""Changes of size with a low-pass filter, so that maps move with the image: no aliasing.

Zhang 2019, arXiv:1904.11486; filters and paddings of the layers are those of the published code of CUT (Park et al.
2020, arXiv:2007.15651). Shape letters: N batch, C channels, H W map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, pad

HALVING = (1.0, 2.0, 1.0)
DOUBLING = (1.0, 3.0, 3.0, 1.0)


class Blur(nn.Module):
    """A filter for each of `channels` channels, the outer product of `taps`, whose weights sum to `total`."""

    filt: Tensor

    def __init__(self, channels: int, taps: tuple[float, ...], total: float = 1.0) -> None:
        super().__init__()
        line = torch.tensor(taps)
        square = line[:, None] * line[None]
        weights = (total * square / square.sum()).expand(channels, 1, -1, -1).contiguous()
        self.register_buffer("filt", weights)  # the name in published files


class BlurredHalving(Blur):
    """(N, C, H, W) to (N, C, ceil(H / 2), ceil(W / 2)): every second pixel of the filtered map; sides of 2 or more."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, HALVING)

    def forward(self, maps: Tensor) -> Tensor:
        padded = pad(maps, (1, 1, 1, 1), "reflect")
        return conv2d(padded, self.filt, stride=2, groups=maps.shape[1])


class BlurredDoubling(Blur):
    """(N, C, H, W) to (N, C, 2 H, 2 W): zeros between the pixels, then the filter."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, DOUBLING, total=4.0)

    def forward(self, maps: Tensor) -> Tensor:
        padded = pad(maps, (1, 1, 1, 1), "replicate")
        doubled = conv_transpose2d(padded, self.filt, stride=2, padding=2, groups=maps.shape[1])
        return doubled[..., 1:-1, 1:-1]


def halve(images: Tensor) -> Tensor:
    """(N, C, H, W) at half the size, rounded up: means of 3x3 pixels, of those inside the picture at its border.

    As discriminators at several scales see their images (Wang et al. 2018, arXiv:1711.11585, section 3.2).
    """
    return avg_pool2d(images, 3, 2, 1, count_include_pad=False)
