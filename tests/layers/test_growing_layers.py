"""The blur of StyleGAN and its derivatives; the level of detail of a network."""

from __future__ import annotations

import copy

import torch
from torch.autograd import gradcheck, gradgradcheck

from imagewright.layers.growing import ChannelBlur, LevelOfDetail
from imagewright.layers.resampling import convolve, filter_from_taps


def test_a_blur_and_its_derivatives() -> None:
    blur = ChannelBlur(2).double()
    maps = torch.randn(1, 2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected = convolve(maps, filter_from_taps((1.0, 2.0, 1.0)).double(), padding=(1, 1))
    torch.testing.assert_close(blur(maps), expected)
    assert gradcheck(blur, maps)
    assert gradgradcheck(lambda given: blur(given).square(), maps)


def test_a_level_is_read_again_after_any_change() -> None:
    level = LevelOfDetail(2.0)
    other = copy.deepcopy(level)
    level.set(1.5)
    assert (level.whole, level.fades, other.value) == (1, True, 2)
    level.lod.fill_(0.25)
    assert level.value == 0.25
    level.load_state_dict(other.state_dict(), assign=True)
    assert (level.value, level.fades) == (2, False)
    level.set(0.75)
    torch.testing.assert_close(level.fade(torch.ones(1), torch.zeros(1)), torch.full((1,), 0.25))
