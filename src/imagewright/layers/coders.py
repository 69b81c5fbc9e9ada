"""Encoders and decoders of models with a narrow code: convolutional for any image size, or fully connected.

Shape letters: N batch, C H W image, F features out of the encoder, Z code.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

Network = Literal["convolutional", "mlp"]

# The shortest side of the coarsest map: that of a 4x4 kernel.
COARSEST = 4


def pyramid(size: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes of the maps, finest first: each is half of the one before, rounded down, as long as 4 pixels remain.

    >>> pyramid((28, 28))
    [(28, 28), (14, 14), (7, 7)]
    """
    sizes = [size]
    while min(sizes[-1]) // 2 >= COARSEST:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def encoder(
    image_shape: tuple[int, int, int], outputs: int, network: Network, width: int, layers: int
) -> nn.Sequential:
    """(N, C, H, W) -> (N, outputs).

    convolutional: strided 4x4 convolutions, `width` channels after the first, doubled at each halving up to 8 times.
    mlp: `layers` hidden layers of `width` units, as in the papers on MNIST.
    """
    channels, height, width_pixels = image_shape
    if network == "mlp":
        return nn.Sequential(nn.Flatten(), *_hidden(math.prod(image_shape), width, layers), nn.Linear(width, outputs))
    sizes = pyramid((height, width_pixels))
    widths = _widths(width, len(sizes) - 1)
    blocks: list[nn.Module] = []
    for inner in widths:
        blocks += [
            nn.Conv2d(channels, inner, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.LeakyReLU(0.2),
        ]
        channels = inner
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(channels * math.prod(sizes[-1]), outputs))


def decoder(image_shape: tuple[int, int, int], inputs: int, network: Network, width: int, layers: int) -> nn.Sequential:
    """(N, inputs) -> (N, C, H, W), unbounded: the mirror of `encoder`. The model applies the nonlinearity."""
    channels, height, width_pixels = image_shape
    if network == "mlp":
        return nn.Sequential(
            *_hidden(inputs, width, layers), nn.Linear(width, math.prod(image_shape)), nn.Unflatten(1, image_shape)
        )
    sizes = pyramid((height, width_pixels))[::-1]
    widths = _widths(width, len(sizes) - 1)[::-1]
    start = widths[0] if widths else width
    blocks: list[nn.Module] = [
        nn.Linear(inputs, start * math.prod(sizes[0]), bias=False),
        nn.Unflatten(1, (start, *sizes[0])),
    ]
    inner = start
    for coarse, fine, outer in zip(sizes, sizes[1:], [*widths[1:], 0], strict=False):
        # The encoder rounds odd sizes down; output padding restores the lost row.
        padding = (fine[0] - 2 * coarse[0], fine[1] - 2 * coarse[1])
        blocks += [nn.BatchNorm2d(inner), nn.ReLU()]
        last = outer == 0
        blocks += [
            nn.ConvTranspose2d(
                inner, channels if last else outer, 4, stride=2, padding=1, output_padding=padding, bias=last
            )
        ]
        inner = outer
    if len(sizes) == 1:  # too small to halve: one plain convolution
        blocks += [nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, channels, 3, padding=1)]
    return nn.Sequential(*blocks)


def _widths(width: int, halvings: int) -> list[int]:
    return [min(width * 2**level, width * 8) for level in range(halvings)]


def _hidden(inputs: int, width: int, layers: int) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for _ in range(layers):
        blocks += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return blocks


def unit_interval(images: Tensor) -> Tensor:
    """Images from [-1, 1] to [0, 1], the range of a Bernoulli's mean."""
    return (images + 1) / 2
