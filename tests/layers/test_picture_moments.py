"""The moments of a picture: weighted by pixels, over channels, and given to norms."""

from __future__ import annotations

import torch
from torch.nn import functional

from imagewright.layers.norms import ImageBatchNorm, InstanceNorm
from imagewright.layers.picture_moments import (
    given_moments,
    normalise_by,
    over_channels,
    picture_moments,
    weighted_moments,
)


def maps_of(count: int = 1, channels: int = 20) -> torch.Tensor:
    return torch.randn(count, channels, 9, 13, generator=torch.Generator().manual_seed(1)) * 3 + 50


def test_weights_count_pixels() -> None:
    maps = maps_of()
    rows, columns = torch.zeros(9, dtype=torch.float64), torch.zeros(13, dtype=torch.float64)
    rows[2:6], columns[3:9] = 0.5, 2
    mean, variance = weighted_moments(maps, rows, columns)
    part = maps[0, :, 2:6, 3:9].double()
    torch.testing.assert_close(mean, part.mean((1, 2)), rtol=1e-5, atol=0)
    torch.testing.assert_close(variance, part.var((1, 2), unbiased=False), rtol=1e-4, atol=0)


def test_moments_over_channels_are_those_of_layer_norm() -> None:
    maps = maps_of()
    ones = torch.ones(9, dtype=torch.float64), torch.ones(13, dtype=torch.float64)
    weight, bias = torch.rand(20), torch.randn(20)
    found = normalise_by(maps, over_channels(weighted_moments(maps, *ones)), 1e-5, weight, bias)
    torch.testing.assert_close(found, functional.group_norm(maps, 1, weight, bias), rtol=1e-4, atol=1e-4)


def test_norms_take_what_is_given_for_one_image_in_the_block() -> None:
    moments = torch.arange(20.0), torch.full((20,), 4.0)
    norm = ImageBatchNorm(20, of_image=True).eval()
    asked = []

    def given(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append(maps)
        return moments

    maps = maps_of()
    with torch.inference_mode(), given_moments(given):
        made, other = InstanceNorm()(maps), norm(maps)
        several = InstanceNorm()(maps_of(2))
    expected = (maps - moments[0][:, None, None]) / (4 + 1e-5) ** 0.5
    torch.testing.assert_close(made, expected)
    torch.testing.assert_close(other, expected)
    assert len(asked) == 2
    assert several.mean((2, 3)).abs().max() < 1e-3
    assert picture_moments(maps) is None
