"""Modulated convolution: each image has its own scale for each input channel of a convolution's weights.

Karras et al. 2020 (StyleGAN2), arXiv:1912.04958, section 2.2, eq. 1 to 3. To scale the weights of an image is to scale
its maps: all images then share one convolution, and the demodulation is a factor of the outputs. This is the same
function as a grouped convolution over weights of each image; it is faster, and no shape depends on the batch size.
Shape letters: N batch, I O channels, k kernel, H W map.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv_transpose2d

from imagewright.layers.convolution import convolve2d
from imagewright.layers.resampling import binomial_blur


def modulated_convolution(
    maps: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    demodulate: bool = True,
    padding: int | None = None,
    upsampled: bool = False,
    gain: float = 1.0,
    added: Tensor | None = None,
) -> Tensor:
    """(N, I, H, W) to (N, O, H, W); twice the sides if `upsampled`.

    weight: (O, I, k, k).
    styles: (N, I), the factors of the input channels.
    demodulate: whether the outputs of each image are scaled to the deviation that inputs of deviation 1 would give.
    padding: zeros around the maps; by default as many as keep the size. Not for `upsampled`.
    upsampled: whether zeros are put between the pixels first, and the result is low-pass filtered.
    gain: a factor of the outputs.
    added: what is added to the outputs, broadcastable to them: a bias, noise.
    """
    scaled = maps * styles[:, :, None, None].to(maps.dtype)
    if upsampled:
        made = binomial_blur(conv_transpose2d(scaled, weight.transpose(0, 1), stride=2), 1, gain=4.0)
    else:
        made = convolve2d(scaled, weight, padding=weight.shape[-1] // 2 if padding is None else padding)
    if not demodulate:
        made = made * gain if gain != 1 else made
        return made if added is None else made + added.to(made.dtype)
    factors = (gain * demodulation(weight, styles))[:, :, None, None].to(made.dtype)
    return made * factors if added is None else torch.addcmul(added.to(made.dtype), made, factors)


def demodulation(weight: Tensor, styles: Tensor) -> Tensor:
    """(N, O) float32: one divided by the norm of each output channel's modulated weights (eq. 3)."""
    with torch.autocast(weight.device.type, enabled=False):
        squares = weight.float().square().sum((2, 3))
        return (styles.float().square() @ squares.T + 1e-8).rsqrt()
