"""Encoders and decoders between images of any size and vectors: convolutional, or fully connected (mlp).

Shape letters: N batch, C H W image.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

Network = Literal["convolutional", "mlp"]

COARSEST = 4  # the shorter side of the coarsest map is at least this, which is the side of the kernels


def pyramid(size: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes (height, width) of the maps, finest first. Each is half of the one before, rounded down.

    It ends before a side would have fewer than 4 pixels.

    >>> pyramid((28, 28))
    [(28, 28), (14, 14), (7, 7)]
    """
    sizes = [size]
    while min(sizes[-1]) // 2 >= COARSEST:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def build_encoder(
    image_shape: tuple[int, int, int], outputs: int, network: Network, width: int, layers: int
) -> nn.Sequential:
    """Build a network from images (N, C, H, W) to vectors (N, outputs).

    image_shape: (C, H, W).
    outputs: numbers of a vector.
    network: convolutional (4x4 convolutions of stride 2, until `pyramid` ends) or mlp (fully connected).
    width: channels after the first convolution, doubled at each further one up to 8 times; units of a hidden layer of
        the mlp.
    layers: hidden layers of the mlp.
    """
    channels, height, width_pixels = image_shape
    if network == "mlp":
        return nn.Sequential(
            nn.Flatten(), *_hidden_layers(math.prod(image_shape), width, layers), nn.Linear(width, outputs)
        )
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


def build_decoder(
    image_shape: tuple[int, int, int], inputs: int, network: Network, width: int, layers: int
) -> nn.Sequential:
    """Build a network from vectors (N, inputs) to images (N, C, H, W), with the layers of `build_encoder` in reverse.

    Its outputs are unbounded: there is no nonlinearity after the last layer.

    image_shape: (C, H, W).
    inputs: numbers of a vector.
    network, width, layers: as for `build_encoder`.
    """
    channels, height, width_pixels = image_shape
    if network == "mlp":
        return nn.Sequential(
            *_hidden_layers(inputs, width, layers),
            nn.Linear(width, math.prod(image_shape)),
            nn.Unflatten(1, image_shape),
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
    if len(sizes) == 1:  # images too small to halve have one convolution without a stride
        blocks += [nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, channels, 3, padding=1)]
    return nn.Sequential(*blocks)


def _widths(width: int, halvings: int) -> list[int]:
    return [min(width * 2**level, width * 8) for level in range(halvings)]


def _hidden_layers(inputs: int, width: int, layers: int) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for _ in range(layers):
        blocks += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return blocks


def unit_interval(images: Tensor) -> Tensor:
    """Pixels from [-1, 1] to [0, 1], the range of a Bernoulli variable's mean."""
    return (images + 1) / 2
