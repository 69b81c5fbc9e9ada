"""Norms of image translation: values and gradients in both memory layouts, and the statistics of single images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from imagewright.layers.norms import ImageBatchNorm, InstanceNorm


def formula(maps: Tensor) -> Tensor:
    mean = maps.mean((2, 3), keepdim=True)
    variance = maps.var((2, 3), unbiased=False, keepdim=True)
    return (maps - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("count", [1, 3])
def test_instance_norm_has_the_values_and_gradients_of_its_formula(count: int, layout: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(0)
    maps, weight = (torch.randn(count, 5, 6, 8, generator=generator) for _ in range(2))
    found, expected = (maps.clone().to(memory_format=layout).requires_grad_() for _ in range(2))
    gradient = weight.to(memory_format=layout)
    InstanceNorm()(found).backward(gradient)
    formula(expected).backward(gradient)
    assert found.grad is not None
    torch.testing.assert_close(InstanceNorm()(maps), formula(maps), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.grad, expected.grad, atol=1e-5, rtol=1e-4)


def test_a_map_of_one_pixel_is_normalised_to_nothing() -> None:
    assert InstanceNorm()(torch.randn(1, 4, 1, 1)).abs().max() == 0


def test_batch_norm_takes_the_statistics_of_each_image_if_told() -> None:
    torch.manual_seed(0)
    maps = torch.randn(3, 4, 6, 6) * 3 + 1
    own, plain = ImageBatchNorm(4, of_image=True).eval(), nn.BatchNorm2d(4).eval()
    with torch.no_grad():
        own.weight.uniform_(0.5, 2)
        own.bias.normal_()
        expected = formula(maps) * own.weight[:, None, None] + own.bias[:, None, None]
        torch.testing.assert_close(own(maps), expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(own(maps[:1]), own(maps)[:1], atol=1e-5, rtol=1e-4)
        running = ImageBatchNorm(4, of_image=False).eval()
        assert torch.equal(running(maps), plain(maps))
