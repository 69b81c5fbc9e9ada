"""StyleGAN3's layers: equal to the plain formulations, with derivatives, and filters of the published design."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.signal import firwin
from torch import Tensor
from torch.nn.functional import conv2d, leaky_relu, pad

from imagewright.layers.alias_free_synthesis import plan_layers
from imagewright.layers.filtered_nonlinearity import FilteredLeakyReLU, Resampling
from imagewright.layers.fourier_features import FourierFeatures
from imagewright.layers.lowpass_filters import design_lowpass

SHAPES = [  # sides before and after, rates before and after
    ((38, 36), (36, 34), (16, 16)),
    ((38, 38), (52, 52), (16, 32)),
    ((50, 42), (28, 20), (64, 64)),  # a large part is cropped
]


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def layer_of(shape: tuple[tuple[int, int], ...], *, radial: bool = False, clamp: float = 256.0) -> FilteredLeakyReLU:
    given, made, (before, after) = shape
    rates = before, 2 * max(before, after), after
    cutoffs, half_widths = (before / 3, after / 3), (before / 8, after / 8)
    return FilteredLeakyReLU(given, made, rates, cutoffs, half_widths, radial=radial, clamp=clamp).double()


def plain(layer: FilteredLeakyReLU, maps: Tensor) -> Tensor:
    """Zeros are inserted, filters are convolutions at the high rate, and numbers are left out."""
    up, down = layer.geometry.up, layer.geometry.down
    taps, last_taps = layer.up_filter, layer.down_filter
    count, channels, *sides = maps.shape
    zeros = pad(maps.reshape(count, channels, sides[0], 1, sides[1], 1), [0, up - 1, 0, 0, 0, up - 1])
    high = zeros.reshape(count, channels, sides[0] * up, sides[1] * up)
    ends = []
    for made, side in zip(layer.geometry.made[::-1], sides[::-1], strict=True):
        total = (made - 1) * down + 1 - side * up + len(taps) + len(last_taps) - 2
        ends += [(total + up) // 2, total - (total + up) // 2]
    high = each_channel(pad(high, ends), torch.outer(taps, taps) * up**2)
    high = (leaky_relu(high, 0.2) * math.sqrt(2)).clamp(-layer.clamp, layer.clamp)
    square = torch.outer(last_taps, last_taps) if last_taps.ndim == 1 else last_taps
    return each_channel(high, square)[..., ::down, ::down]


def each_channel(maps: Tensor, kernel: Tensor) -> Tensor:
    return conv2d(maps, kernel.flip(0, 1).expand(maps.shape[1], 1, *kernel.shape), groups=maps.shape[1])


@pytest.mark.parametrize("clamp", [256.0, 1.0])
@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_results_and_derivatives_are_those_of_the_plain_formulation(
    shape: tuple[tuple[int, int], ...], radial: bool, clamp: float
) -> None:
    layer = layer_of(shape, radial=radial, clamp=clamp)
    maps = numbers(2, 2, *shape[0]).requires_grad_()
    expected, made = plain(layer, maps), layer(maps)
    torch.testing.assert_close(made, expected)
    direction = numbers(*made.shape).requires_grad_()
    (gradient,) = torch.autograd.grad(made, maps, direction, create_graph=True)
    (wanted,) = torch.autograd.grad(expected, maps, direction, create_graph=True)
    torch.testing.assert_close(gradient, wanted)
    probe = numbers(*maps.shape)
    second, wanted = (torch.autograd.grad(each, direction, probe)[0] for each in (gradient, wanted))
    torch.testing.assert_close(second, wanted)


def test_matrix_products_are_the_same_filters() -> None:
    layer = layer_of(SHAPES[1])
    maps, moved = numbers(2, 3, 38, 38), numbers(2, 3, 52, 52)
    made = []
    for products in (False, True):
        resampling = Resampling(layer.geometry, layer.up_filter, layer.down_filter, products)
        slopes = resampling.new_slopes(maps)
        forwards = resampling.forwards(maps, lambda high, noted: high.square_(), slopes)
        made.append((forwards, resampling.backwards(moved, lambda high, noted: high.square_(), slopes)))
    for one, other in zip(*made, strict=True):
        torch.testing.assert_close(one, other)


def test_channels_and_images_are_independent_of_the_others() -> None:
    """Maps are processed some channels at a time."""
    layer = layer_of(SHAPES[0]).float()
    maps = numbers(3, 150, 38, 36).float()
    made = layer(maps)
    torch.testing.assert_close(layer(maps[1:2, 140:]), made[1:2, 140:])
    last = layer(maps.contiguous(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, made)
    assert layer(maps.bfloat16()).dtype == torch.bfloat16


def test_harmonics_do_not_alias() -> None:
    """A wave of 14 cycles at a rate of 64: the fourth harmonic, 56, of the plain activation appears as one of 8."""
    layer = FilteredLeakyReLU((64, 64), (44, 44), (64, 128, 64), (16, 16), (12, 12))
    maps = torch.sin(2 * math.pi * 14 / 64 * torch.arange(64)).expand(1, 1, 64, 64)
    plainly = leaky_relu(maps, 0.2) * math.sqrt(2)
    aliased = [float(torch.fft.rfft(each[0, 0, 20, 4:36])[4].abs()) for each in (layer(maps), plainly)]
    assert aliased[1] > 0.3
    assert aliased[0] < aliased[1] / 20


@pytest.mark.parametrize("taps", [12, 24])
def test_filters_are_those_of_the_window_method(taps: int) -> None:
    expected = torch.from_numpy(firwin(taps, 5.0, width=2 * 3.0, fs=64)).float()
    torch.testing.assert_close(design_lowpass(taps, 5.0, 3.0, 64), expected)
    radial = design_lowpass(taps, 5.0, 3.0, 64, radial=True)
    torch.testing.assert_close(radial.sum(), torch.tensor(1.0))
    torch.testing.assert_close(radial, radial.T)


def test_the_schedule_of_the_published_networks() -> None:
    """The names of the layers in the published network of 1024 pixels."""
    plans = plan_layers((1024, 1024), 14, 32_768, 512, 3)
    sides = [36, 36, 52, 52, 84, 148, 148, 276, 276, 532, 1044, 1044, 1044, 1024, 1024]
    widths = [512, 512, 512, 512, 512, 512, 512, 323, 203, 128, 81, 51, 32, 32, 3]
    assert [plan.sides for plan in plans] == [(side, side) for side in sides]
    assert [plan.channels for plan in plans] == widths


def test_sinusoids_move_and_turn_with_the_transform() -> None:
    torch.manual_seed(0)
    features = FourierFeatures(4, (20, 24), 3, rate=16, bandwidth=2.0)
    styles = torch.zeros(1, 3)
    still = features(styles)
    moved = torch.tensor([[1.0, 0.0, -2 / 16], [0.0, 1.0, 3 / 16], [0.0, 0.0, 1.0]])  # 2 to the right, 3 up
    torch.testing.assert_close(features(styles, moved)[..., :-3, 2:], still[..., 3:, :-2], atol=1e-5, rtol=0)
    square = FourierFeatures(4, (20, 20), 3, rate=16, bandwidth=2.0)
    square.transform.copy_(torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    turned = square(styles)
    square.transform.copy_(torch.eye(3))
    torch.testing.assert_close(turned, square(styles).rot90(-1, (2, 3)), atol=1e-5, rtol=0)
