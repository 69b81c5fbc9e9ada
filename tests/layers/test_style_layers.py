"""Layers of StyleGAN2: equal to their plain formulations, with first and second derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from imagewright.layers.filtered_convolution import FilteredConv2d
from imagewright.layers.modulated_convolution import modulated_convolution
from imagewright.layers.resampling import binomial_blur, convolve, filter_from_taps
from imagewright.layers.style_discriminator import StyleDiscriminator
from imagewright.layers.style_mapping import StyleMappingNetwork


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_a_binomial_blur_is_a_convolution_of_each_channel(padding: int) -> None:
    maps = numbers(2, 3, 6, 5).requires_grad_()
    expected = 4 * convolve(maps, filter_from_taps().double(), padding=(padding, padding))
    torch.testing.assert_close(binomial_blur(maps, padding, gain=4.0), expected)
    assert torch.autograd.gradcheck(lambda given: binomial_blur(given, padding), maps)
    assert torch.autograd.gradgradcheck(lambda given: binomial_blur(given, padding), maps)


def grouped(maps: Tensor, weight: Tensor, styles: Tensor, demodulate: bool, upsampled: bool) -> Tensor:
    """The published formulation: a group for each image, with weights of its own."""
    count, outputs, inputs, side = len(maps), *weight.shape[:3]
    own = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        own = own * (own.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    joined = maps.reshape(1, count * inputs, *maps.shape[2:])
    if upsampled:
        swapped = own.transpose(1, 2).reshape(count * inputs, outputs, side, side)
        made = conv_transpose2d(joined, swapped, stride=2, groups=count)
        made = 4 * convolve(made, filter_from_taps().to(maps.dtype), padding=(1, 1))
    else:
        made = conv2d(joined, own.reshape(count * outputs, inputs, side, side), padding=side // 2, groups=count)
    return made.reshape(count, outputs, *made.shape[2:])


@pytest.mark.parametrize(("kernel", "demodulate", "upsampled"), [(3, True, False), (3, True, True), (1, False, False)])
def test_scaled_modulation_is_the_grouped_one(kernel: int, demodulate: bool, upsampled: bool) -> None:
    maps, weight, styles = numbers(2, 3, 4, 5), numbers(4, 3, kernel, kernel), numbers(2, 3)
    given = [each.requires_grad_() for each in (maps, weight, styles)]
    added = numbers(1, 4, 1, 1)
    ours = modulated_convolution(*given, demodulate=demodulate, upsampled=upsampled, gain=0.5, added=added)
    plain = 0.5 * grouped(*given, demodulate, upsampled) + added
    torch.testing.assert_close(ours, plain, rtol=1e-6, atol=1e-6)
    for _order in range(2):
        probe = numbers(*ours.shape)
        gradients = [torch.autograd.grad((each * probe).sum(), given, create_graph=True) for each in (ours, plain)]
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
        ours, plain = (torch.cat([each.square().flatten() for each in found]) for found in gradients)


@pytest.mark.parametrize(("kernel", "resampling"), [(3, "none"), (3, "down"), (1, "down"), (1, "up")])
def test_a_filtered_convolution_has_second_derivatives(kernel: int, resampling: str) -> None:
    layer = FilteredConv2d(2, 3, kernel, resampling=resampling, gain=0.5, clamp=50.0).double()  # type: ignore[arg-type]
    maps = numbers(1, 2, 6, 4).requires_grad_()
    assert torch.autograd.gradcheck(layer, maps)
    assert torch.autograd.gradgradcheck(layer, maps)
    assert layer(maps).shape[2:] == {"none": (6, 4), "down": (3, 2), "up": (12, 8)}[resampling]


def test_the_clamp_is_multiplied_by_the_gain() -> None:
    layer = FilteredConv2d(1, 1, 1, gain=0.5, clamp=4.0)
    assert layer(torch.full((1, 1, 2, 2), 1e6) * layer.weight.sign()).max() == 2


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
@pytest.mark.parametrize("conditions", [0, 3])
def test_a_discriminator_of_any_base(architecture: str, conditions: int) -> None:
    network = StyleDiscriminator(1, [4, 6, 8], (4, 5), architecture=architecture, conditions=conditions)  # type: ignore[arg-type]
    given = torch.eye(3)[:2] if conditions else None
    assert network(torch.randn(2, 1, 16, 20), given).shape == (2,)
    names = network.layers()
    assert {name for name, _ in network.named_parameters()} == {
        f"{layer}.{name}" for layer in names for name, _ in network.get_submodule(layer).named_parameters()
    }


def test_truncation_moves_towards_the_mean() -> None:
    network = StyleMappingNetwork(4, 4, layers=2)
    network.follow(torch.ones(4))
    torch.testing.assert_close(network.mean, torch.full((4,), 0.005))
    styles = network(torch.randn(2, 4))[:, None].expand(-1, 3, -1)
    assert torch.equal(network.truncate(styles, 1.0), styles)
    assert torch.equal(network.truncate(styles, 0.0), network.mean.expand(2, 3, 4))
    cut = network.truncate(styles, 0.5, cutoff=1)
    assert torch.equal(cut[:, 1:], styles[:, 1:])
    torch.testing.assert_close(cut[:, :1], (styles[:, :1] + network.mean) / 2)
