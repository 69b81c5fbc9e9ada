"""Tiles in step: norms take the statistics of the whole picture, whatever is cut, waits or is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from imagewright.layers.content_attribute import WholeImageNorm
from imagewright.layers.conv_blocks import ImageLayerNorm
from imagewright.layers.norms import ImageBatchNorm, InstanceNorm
from imagewright.layers.residual import ResidualGenerator
from imagewright.pixels import to_float, to_uint8
from imagewright.verbs.tiles_in_step import Tile, tiles_in_step
from imagewright.verbs.tiling import apply_at_any_size

SIZE = (96, 128)


def multiples_of_4(height: int, width: int) -> tuple[int, int]:
    return max(8, round(height / 4) * 4), max(8, round(width / 4) * 4)


def picture(seed: int = 0) -> Tensor:
    """Smooth, and darker to the left, so that tiles differ in brightness and contrast; uint8 (3, H, W)."""
    noise = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(seed))
    smooth = functional.interpolate(noise, SIZE, mode="bicubic")[0]
    return (smooth * torch.linspace(20, 255, SIZE[1])).clamp(0, 255).byte()


class PointNetwork(nn.Module):
    """Convolutions of single pixels, so that tiles differ from the whole by their norms alone; with a skip from before
    the norm, which holds the maps while they wait."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.norm = nn.Conv2d(3, 20, 1), norm(20)
        self.second, self.other_norm = nn.Conv2d(20, 20, 1), norm(20)
        self.last = nn.Conv2d(20, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.first(images)
        maps = maps + self.second(self.norm(maps).relu())
        return self.last(self.other_norm(maps).relu()).tanh()


def batch_norm_of_image(channels: int) -> nn.Module:
    norm = ImageBatchNorm(channels, of_image=True)
    nn.init.uniform_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def whole_and_tiled(network: nn.Module, tile: int) -> tuple[Tensor, Tensor]:
    network.eval()
    with torch.inference_mode():
        whole = to_uint8(network(to_float(picture()[None])))[0]
        return whole.int(), apply_at_any_size(network, picture(), multiples_of_4, tile=tile).int()


@pytest.mark.parametrize("norm", [lambda channels: InstanceNorm(), batch_norm_of_image, WholeImageNorm, ImageLayerNorm])
@pytest.mark.parametrize("tile", [24, 40, 64])
def test_tiles_give_the_whole_picture(norm: Callable[[int], nn.Module], tile: int) -> None:
    whole, tiled = whole_and_tiled(PointNetwork(norm), tile)
    assert (whole - tiled).abs().max() <= 1  # rounding


def test_tiles_by_their_own_statistics_would_differ() -> None:
    """So that the test above can fail."""
    network = PointNetwork(lambda channels: InstanceNorm()).eval()
    with torch.inference_mode():
        whole = to_uint8(network(to_float(picture()[None])))[0].int()
        left = to_uint8(network(to_float(picture()[None, :, :, :64])))[0].int()
    assert (whole[:, :, :64] - left).abs().float().mean() > 3


def test_maps_that_wait_in_half_precision_change_next_to_nothing() -> None:
    network = PointNetwork(lambda channels: InstanceNorm()).eval()
    ones = torch.ones(48, dtype=torch.float64), torch.ones(128, dtype=torch.float64)
    tiles = [Tile(picture()[None, :, top : top + 48], *ones) for top in (0, 48)]
    with torch.inference_mode():
        expected = list(tiles_in_step(network, tiles))
        parked = list(tiles_in_step(network, tiles, spare=0))
    for one, other in zip(expected, parked, strict=True):
        assert not torch.equal(one, other)
        assert (one - other).abs().max() < 2e-3


def test_a_published_network_in_tiles_leaves_no_seam() -> None:
    torch.manual_seed(0)
    network = ResidualGenerator(3, 3, width=8, blocks=1).eval()
    large = functional.interpolate(picture()[None].float(), (576, 768), mode="bilinear")[0].byte()
    with torch.inference_mode():
        whole = to_uint8(network(to_float(large[None])))[0].float()
        error = apply_at_any_size(network, large, multiples_of_4, tile=512) - whole
    assert error.abs().mean() < 0.05
    steps = error.diff(dim=2).abs().mean((0, 1))  # the picture's own edges are not in it
    assert steps.max() < 1


def test_some_tiles_of_a_very_large_picture_are_in_step_and_the_others_take_their_moments() -> None:
    network = PointNetwork(lambda channels: InstanceNorm()).eval()
    ones = torch.ones(24, dtype=torch.float64), torch.ones(16, dtype=torch.float64)
    tiles = [
        Tile(picture()[None, :, top : top + 24, left : left + 16], *ones)
        for top in range(0, 96, 24)
        for left in range(0, 128, 16)
    ]
    most = threading.active_count() + 8
    running = []

    def watched(images: Tensor) -> Tensor:
        running.append(threading.active_count())
        return network(images)

    with torch.inference_mode():
        every = torch.cat(list(tiles_in_step(watched, tiles)))
        running.clear()
        some = torch.cat(list(tiles_in_step(watched, tiles, most_pixels=8 * 24 * 16)))
    assert max(running) <= most
    alone = torch.cat([network(to_float(tile.pixels)) for tile in tiles])
    assert (every - some).abs().mean() < (every - alone).abs().mean() / 3


def test_all_is_computed_in_the_thread_of_the_caller() -> None:
    """Libraries keep working memory for each thread that computes."""
    threads = set()

    class Watches(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            threads.add(threading.current_thread())
            return function(*args, **(kwargs or {}))

    network = PointNetwork(lambda channels: InstanceNorm()).eval()
    ones = torch.ones(48, dtype=torch.float64), torch.ones(128, dtype=torch.float64)
    with torch.inference_mode():
        expected = network(to_float(picture()[None]))
        with Watches():
            made = list(tiles_in_step(network, [Tile(picture()[None, :, top : top + 48], *ones) for top in (0, 48)]))
    assert threads == {threading.current_thread()}
    assert (torch.cat(made, 2) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("spare", [0, 2**30])
def test_ctrl_c_while_tiles_wait(spare: int) -> None:
    network, calls = PointNetwork(lambda channels: InstanceNorm()).eval(), []

    class Interrupts(nn.Module):
        def forward(self, maps: Tensor) -> Tensor:
            calls.append(maps)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return maps

    network.last = nn.Sequential(Interrupts(), network.last)
    ones = torch.ones(48, dtype=torch.float64), torch.ones(64, dtype=torch.float64)
    tiles = [Tile(picture()[None, :, top : top + 48, :64], *ones) for top in (0, 24, 48)]
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), torch.inference_mode():
        list(tiles_in_step(network, tiles, spare=spare))
    assert threading.active_count() == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_one_tile_ends_all(error: type[BaseException]) -> None:
    network, calls = PointNetwork(lambda channels: InstanceNorm()).eval(), []

    def failing(images: Tensor) -> Tensor:
        calls.append(images)
        if len(calls) == 3:
            raise error("the third tile")
        return network(images)

    before = threading.active_count()
    with pytest.raises(error, match="the third tile"), torch.inference_mode():
        apply_at_any_size(failing, picture(), multiples_of_4, tile=40)
    assert threading.active_count() == before
