"""Filtered resampling, equalised layers and the minibatch's deviation, against their definitions written plainly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from imagewright.layers.equalised import EqualisedConv2d, EqualisedLinear
from imagewright.layers.minibatch_deviation import append_minibatch_deviation
from imagewright.layers.resampling import BINOMIAL, convolve, downsample, filter_from_taps, upsample

KERNELS = {"binomial": BINOMIAL, "odd": (1.0, 2.0, 1.0), "six": (1.0, 2.0, 5.0, 4.0, 2.0, 0.5)}


def resample_plainly(maps: Tensor, kernel: Tensor, up: int, down: int, padding: tuple[int, int]) -> Tensor:
    """Zeros between the pixels, zeros around, a true convolution, every `down`-th pixel."""
    count, channels, height, width = maps.shape
    spread = maps.new_zeros(count, channels, up * height, up * width)
    spread[..., ::up, ::up] = maps
    padded = pad(spread, padding + padding)
    weight = up**2 * kernel.flip(0, 1)[None, None].repeat(channels, 1, 1, 1)
    return conv2d(padded, weight, groups=channels)[..., ::down, ::down]


def asymmetric(taps: tuple[float, ...]) -> Tensor:
    kernel = filter_from_taps(taps)
    return kernel * torch.linspace(0.5, 1.5, len(taps))[:, None]


@pytest.mark.parametrize("taps", KERNELS.values(), ids=list(KERNELS))
@pytest.mark.parametrize("factor", [2, 3])
def test_upsampling_is_zero_insertion_and_a_filter(taps: tuple[float, ...], factor: int) -> None:
    maps, kernel, n = torch.randn(2, 3, 6, 8), asymmetric(taps), len(taps)
    expected = resample_plainly(maps, kernel, factor, 1, ((n + factor - 1) // 2, (n - factor) // 2))
    torch.testing.assert_close(upsample(maps, kernel, factor), expected)


@pytest.mark.parametrize("taps", KERNELS.values(), ids=list(KERNELS))
@pytest.mark.parametrize("factor", [2, 3])
def test_downsampling_is_a_filter_and_every_nth_pixel(taps: tuple[float, ...], factor: int) -> None:
    maps, kernel, n = torch.randn(2, 3, 6, 12), asymmetric(taps), len(taps)
    expected = resample_plainly(maps, kernel, 1, factor, ((n - factor + 1) // 2, (n - factor) // 2))
    torch.testing.assert_close(downsample(maps, kernel, factor), expected)


@pytest.mark.parametrize("padding", [(2, 2), (1, 2), (-1, 3)])
def test_convolution_pads_and_crops(padding: tuple[int, int]) -> None:
    maps, kernel = torch.randn(2, 3, 6, 8), asymmetric(BINOMIAL)
    torch.testing.assert_close(convolve(maps, kernel, padding=padding), resample_plainly(maps, kernel, 1, 1, padding))


@torch.no_grad()
def test_equalised_layers_keep_the_variance_and_scale_the_rate() -> None:
    torch.manual_seed(0)
    numbers = torch.randn(4000, 100)
    layer = EqualisedLinear(100, 50, rate=0.01, gain=3.0, bias_start=2.0)
    assert layer.weight.std() == pytest.approx(100, rel=0.05)  # 1 / rate
    found = layer(numbers)
    assert (found - found.mean(0)).std() == pytest.approx(3.0, rel=0.05)
    assert found.mean() == pytest.approx(0.02, abs=0.02)
    convolution = EqualisedConv2d(20, 30, 3, gain=2**0.5)
    assert convolution(torch.randn(8, 20, 16, 16))[..., 1:-1, 1:-1].std() == pytest.approx(2**0.5, rel=0.05)


def test_minibatch_deviation_is_a_mean_over_groups_that_are_apart() -> None:
    maps = torch.randn(6, 4, 3, 3)
    found = append_minibatch_deviation(maps, group=3, features=2)
    members = maps[[1, 3, 5]]  # 6 / 3 apart
    expected = (members[:, 2:].var(0, correction=0) + 1e-8).sqrt().mean()
    torch.testing.assert_close(found[3, 5], expected.expand(3, 3))
    torch.testing.assert_close(found[:, :4], maps)
    assert append_minibatch_deviation(maps[:5], group=4).shape == (5, 5, 3, 3)
