"""Encoders and decoders of any image size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imagewright.layers.coders import build_decoder, build_encoder, pyramid, unit_interval

SIZES = [(1, 1), (3, 5), (4, 4), (7, 7), (8, 8), (9, 17), (28, 28), (31, 20), (16, 64)]


@pytest.mark.parametrize("network", ["convolutional", "mlp"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", SIZES)
def test_images_of_any_size_are_encoded_and_decoded(size: tuple[int, int], channels: int, network: str) -> None:
    shape = (channels, *size)
    options = {"network": network, "width": 3, "layers": 2}
    codes = build_encoder(shape, 6, **options)(torch.randn(2, *shape))
    assert codes.shape == (2, 6)
    assert build_decoder(shape, 6, **options)(codes).shape == (2, *shape)


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((28, 28), [(28, 28), (14, 14), (7, 7)]),
        ((7, 7), [(7, 7)]),
        ((9, 17), [(9, 17), (4, 8)]),
        ((64, 8), [(64, 8), (32, 4)]),
    ],
)
def test_the_pyramid_halves_while_four_pixels_remain(size: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
    assert pyramid(size) == sizes


def test_channels_double_at_each_halving_up_to_eight_times_the_width() -> None:
    options = {"network": "convolutional", "width": 4, "layers": 2}
    down = [layer.out_channels for layer in build_encoder((3, 256, 256), 2, **options) if is_convolution(layer)]
    up = [layer.in_channels for layer in build_decoder((3, 256, 256), 2, **options) if is_convolution(layer)]
    assert down == [4, 8, 16, 32, 32, 32]
    assert up == down[::-1]


def is_convolution(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_the_mlp_has_the_given_number_of_hidden_layers_and_width(layers: int) -> None:
    encoder = build_encoder((1, 4, 4), 3, network="mlp", width=7, layers=layers)
    sizes = [(layer.in_features, layer.out_features) for layer in encoder if isinstance(layer, nn.Linear)]
    assert sizes == [(16, 7), *[(7, 7)] * (layers - 1), (7, 3)]
    decoder = build_decoder((1, 4, 4), 3, network="mlp", width=7, layers=layers)
    sizes = [(layer.in_features, layer.out_features) for layer in decoder if isinstance(layer, nn.Linear)]
    assert sizes == [(3, 7), *[(7, 7)] * (layers - 1), (7, 16)]


def test_every_pixel_influences_the_code_and_the_code_influences_every_pixel() -> None:
    torch.manual_seed(0)
    image = torch.randn(2, 1, 9, 13, requires_grad=True)
    build_encoder((1, 9, 13), 2, network="convolutional", width=4, layers=2)(image).square().sum().backward()
    assert (image.grad != 0).all()  # also in the last row and column, which are odd ones
    code = torch.randn(2, 3, requires_grad=True)
    rebuilt = build_decoder((1, 9, 13), 3, network="convolutional", width=4, layers=2)(code)
    assert rebuilt.std() > 0
    for row, column in ((0, 0), (8, 12), (4, 6)):
        (gradient,) = torch.autograd.grad(rebuilt[0, 0, row, column], code, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_unit_interval() -> None:
    assert unit_interval(torch.tensor([-1.0, 0.0, 1.0])).tolist() == [0, 0.5, 1]
