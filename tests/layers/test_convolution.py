"""The convolution with fast second derivatives is PyTorch's, with the same derivatives."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d

from imagewright.layers.convolution import PenalisedConv2d, convolve2d, gradients_of_maps_only


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 2), pytest.param(1, 4, marks=pytest.mark.learning)])
def test_derivatives_of_both_orders(stride: int, groups: int) -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 4, 3, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 4 // groups, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)

    def ours(*given: torch.Tensor) -> torch.Tensor:
        return convolve2d(*given, stride=stride, padding=1, groups=groups)

    expected = conv2d(maps, weight, bias, stride, 1, 1, groups)
    torch.testing.assert_close(ours(maps, weight, bias), expected)
    assert torch.autograd.gradcheck(ours, (maps, weight, bias))
    assert torch.autograd.gradgradcheck(ours, (maps, weight, bias))


def test_gradients_of_a_penalty_are_pytorchs() -> None:
    torch.manual_seed(0)
    layer, images = PenalisedConv2d(3, 4, 3, padding=1), torch.randn(2, 3, 6, 6)
    plain = torch.nn.Conv2d(3, 4, 3, padding=1)
    plain.load_state_dict(layer.state_dict())
    for network in (layer, plain):
        given = images.clone().requires_grad_()
        with gradients_of_maps_only():
            (gradient,) = torch.autograd.grad(network(given).square().sum(), given, create_graph=True)
        gradient.square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(layer.bias.grad, plain.bias.grad, rtol=1e-4, atol=1e-4)


def test_without_gradients_of_weights_there_are_none() -> None:
    layer = PenalisedConv2d(3, 4, 3, padding=1)
    images = torch.randn(1, 3, 6, 6, requires_grad=True)
    with gradients_of_maps_only():
        layer(images).sum().backward()
    assert images.grad is not None
    assert layer.weight.grad is None
    layer(images).sum().backward()
    assert layer.weight.grad is not None


def test_autocast_computes_in_its_type() -> None:
    layer, images = PenalisedConv2d(3, 4, 3, padding=1), torch.randn(1, 3, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        made = layer(images)
    assert made.dtype == torch.bfloat16
    torch.testing.assert_close(made.float(), layer(images), rtol=0.05, atol=0.05)
