"""Up- and downsampling by integer factors with a low-pass filter, as StyleGAN2 and 3, ADA and R3GAN do it.

Karras et al. 2020 (StyleGAN2), arXiv:1912.04958, appendix B. Zeros are put between the pixels, zeros around them, the
result is convolved with a filter, and every n-th pixel is kept. Filters are two-dimensional and sum to 1. Shape
letters: N batch, C channels, H W map, T taps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv_transpose2d, pad

from imagewright.layers.convolution import convolve2d

BINOMIAL = (1.0, 3.0, 3.0, 1.0)


def filter_from_taps(taps: Sequence[float] = BINOMIAL) -> Tensor:
    """(T, T): the outer product of taps, with the sum 1."""
    line = torch.tensor(taps, dtype=torch.float32)
    square = line[:, None] * line
    return square / square.sum()


def upsample(maps: Tensor, kernel: Tensor, factor: int = 2) -> Tensor:
    """(N, C, H, W) to (N, C, factor H, factor W), at the same brightness; kernel: (T, T)."""
    taps = kernel.shape[-1]
    before = (taps - factor) // 2  # pixels of the whole convolution that lie before the map
    height, width = (factor * side for side in maps.shape[-2:])
    whole = conv_transpose2d(maps, _depthwise(kernel * factor**2, maps), stride=factor, groups=maps.shape[1])
    return whole[..., before : before + height, before : before + width]


def downsample(maps: Tensor, kernel: Tensor, factor: int = 2) -> Tensor:
    """(N, C, H, W) to (N, C, H / factor, W / factor), for sides that are multiples; kernel: (T, T)."""
    taps = kernel.shape[-1]
    before, after = (taps - factor + 1) // 2, (taps - factor) // 2
    return convolve(maps, kernel, padding=(before, after), stride=factor)


def convolve(maps: Tensor, kernel: Tensor, *, padding: tuple[int, int], stride: int = 1) -> Tensor:
    """Each channel of (N, C, H, W) convolved with the kernel (T, T), after so many zeros before and after both axes.

    A negative padding crops. Every `stride`-th pixel is kept.
    """
    before, after = padding
    weight = _depthwise(kernel.flip(-2, -1), maps)
    if before == after >= 0:
        return convolve2d(maps, weight, stride=stride, padding=before, groups=maps.shape[1])
    return convolve2d(pad(maps, (before, after, before, after)), weight, stride=stride, groups=maps.shape[1])


def binomial_blur(maps: Tensor, padding: int, *, gain: float = 1.0) -> Tensor:
    """(N, C, H, W) to (N, C, H + 2 padding - 3, W + 2 padding - 3): filtered by `BINOMIAL`, and multiplied by `gain`.

    It is `gain * convolve(maps, filter_from_taps(), padding=(padding, padding))`, as sums of neighbours, which a CPU
    computes several times faster than a convolution of each channel; the gradient is a blur again.

    padding: zeros around the maps, 0 to 3.
    """
    blurred: Tensor = _BinomialBlur.apply(maps, padding, gain)
    return blurred


class _BinomialBlur(torch.autograd.Function):
    """[1, 3, 3, 1] is [1, 1] convolved with itself twice. The adjoint has the rest of 3 zeros around."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, padding: int, gain: float) -> Tensor:
        ctx.padding, ctx.gain = padding, gain
        blurred = pad(maps, (padding,) * 4)
        for _ in range(len(BINOMIAL) - 1):
            blurred = blurred[:, :, 1:] + blurred[:, :, :-1]
        for _ in range(len(BINOMIAL) - 1):
            blurred = blurred[..., 1:] + blurred[..., :-1]
        return blurred.mul_(gain / sum(BINOMIAL) ** 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return binomial_blur(gradients[0], len(BINOMIAL) - 1 - ctx.padding, gain=ctx.gain), None, None


def _depthwise(kernel: Tensor, maps: Tensor) -> Tensor:
    """(C, 1, T, T): the kernel for each channel."""
    taps = kernel.shape[-1]
    return kernel.to(maps.dtype).expand(maps.shape[1], 1, taps, taps).contiguous()
