"""Transposed convolutions of one small map as a matrix product: the library's own convolution is the oracle."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from imagewright.layers.small_maps import LEAST_CHANNELS, MOST_PLACES, SmallMapsAsProducts


class Operations(TorchDispatchMode):
    """Notes the names of the operations that run in the block."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


SHAPES: list[tuple[tuple[int, int], dict[str, Any]]] = [
    ((4, 4), {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False}),
    ((8, 8), {"kernel_size": 4, "stride": 2, "padding": 1}),
    ((1, 1), {"kernel_size": (4, 5), "bias": False}),
    ((3, 5), {"kernel_size": 3, "stride": (1, 2), "padding": (1, 0)}),
    ((2, 2), {"kernel_size": 2, "stride": 2}),
]


@pytest.mark.parametrize(("map_size", "layer"), SHAPES)
def test_a_product_is_the_convolution(map_size: tuple[int, int], layer: dict[str, Any]) -> None:
    convolution, maps = nn.ConvTranspose2d(LEAST_CHANNELS, 8, **layer), torch.randn(1, LEAST_CHANNELS, *map_size)
    with torch.no_grad():
        expected = convolution(maps)
        with SmallMapsAsProducts(), Operations() as operations:
            made = convolution(maps)
    torch.testing.assert_close(made, expected, rtol=1e-5, atol=1e-5)
    assert "aten.convolution.default" not in operations.names


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((2, LEAST_CHANNELS, 4, 4), {}),
        ((1, LEAST_CHANNELS, 4, MOST_PLACES // 4 + 1), {}),
        ((1, LEAST_CHANNELS // 2, 4, 4), {}),
        ((1, LEAST_CHANNELS, 4, 4), {"groups": 2}),
        ((1, LEAST_CHANNELS, 4, 4), {"dilation": 2}),
        ((1, LEAST_CHANNELS, 4, 4), {"output_padding": 1}),
    ],
)
def test_what_the_product_does_not_cover_is_the_convolution_to_the_bit(
    shape: tuple[int, ...], layer: dict[str, Any]
) -> None:
    convolution, maps = nn.ConvTranspose2d(shape[1], 8, 4, stride=2, padding=1, **layer), torch.randn(shape)
    with torch.no_grad():
        expected = convolution(maps)
        with SmallMapsAsProducts():
            assert torch.equal(convolution(maps), expected)
