"""Images of any size through functions that take some sizes: padding, tiles, and no trace of either."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from imagewright.errors import UserError
from imagewright.pixels import to_float, to_uint8
from imagewright.verbs.tiling import (
    apply_at_any_size,
    blending_weights,
    pad_by_reflection,
    smallest_size,
    tile_starts,
)

SIZES = [(16, 16), (17, 30), (64, 64), (65, 64), (33, 200), (150, 131), (1, 1), (3, 90)]


def multiples_of_8(height: int, width: int) -> tuple[int, int]:
    return max(8, round(height / 8) * 8), max(8, round(width / 8) * 8)


def any_size(height: int, width: int) -> tuple[int, int]:
    return height, width


def noise(size: tuple[int, int], channels: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (channels, *size), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("nearest", [multiples_of_8, any_size])
def test_the_identity_gives_the_image_back_to_the_byte(size: tuple[int, int], nearest: object) -> None:
    image = noise(size)
    assert torch.equal(apply_at_any_size(lambda tile: tile, image, nearest, tile=64), image)


@pytest.mark.parametrize("size", SIZES)
def test_a_function_of_single_pixels_gives_the_same_in_tiles_and_without(size: tuple[int, int]) -> None:
    def curve(images: Tensor) -> Tensor:
        return (2.3 * images + 0.1).sin()

    image = noise(size)
    expected = to_uint8(curve(to_float(image[None])))[0]
    for tile in (16, 64, 1024):
        assert torch.equal(apply_at_any_size(curve, image, multiples_of_8, tile=tile), expected)


def test_only_possible_sizes_are_asked_for_and_large_images_only_in_tiles() -> None:
    seen = []

    def remember(images: Tensor) -> Tensor:
        seen.append(tuple(images.shape))
        return images[:, :1]

    made = apply_at_any_size(remember, noise((150, 41)), multiples_of_8, tile=60)
    assert made.shape == (1, 150, 41)
    assert set(seen) == {(1, 3, 56, 48)}  # as small as three tiles can be
    assert len(seen) == 3
    seen.clear()
    apply_at_any_size(remember, noise((60, 60)), multiples_of_8, tile=60)
    assert seen == [(1, 3, 64, 64)]


def test_tiles_that_differ_in_brightness_leave_no_step() -> None:
    """As networks with instance norm do: each tile is shifted by the number of the tile."""
    count = 0

    def shift(images: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return images + 0.2 * count

    image = torch.full((1, 200, 1000), 40, dtype=torch.uint8)
    made = apply_at_any_size(shift, image, multiples_of_8, tile=256).long()
    assert count == 5
    assert made.max() - made.min() > 90
    assert made.diff(dim=2).abs().max() <= 3  # a ramp over 70 pixels: 26 levels
    assert made.diff(dim=1).abs().max() == 0


def test_a_function_of_neighbourhoods_is_seamless_away_from_the_borders() -> None:
    def blur(images: Tensor) -> Tensor:
        return functional.avg_pool2d(functional.pad(images, (2, 2, 2, 2), mode="reflect"), 5, 1)

    image = noise((300, 280))
    whole = apply_at_any_size(blur, image, any_size).long()
    tiled = apply_at_any_size(blur, image, any_size, tile=128).long()
    # At its edge a tile sees its mirror image, but with a weight of nearly 0.
    assert (whole - tiled).abs().max() <= 2
    assert (whole - tiled).abs().float().mean() < 0.02


@pytest.mark.parametrize(("side", "tile"), [(64, 64), (65, 64), (100, 64), (200, 64), (1000, 64), (9, 8), (40, 8)])
def test_weights_add_up_to_one_everywhere_and_cover_the_side(side: int, tile: int) -> None:
    starts = tile_starts(side, tile)
    assert starts[0] == 0
    assert starts[-1] + tile == side
    total = torch.zeros(side, dtype=torch.float64)
    for start, weights in zip(starts, blending_weights(starts, tile), strict=True):
        assert weights.min() >= 0
        total[start : start + tile] += weights
    assert (total - 1).abs().max() < 1e-12
    overlaps = [first + tile - second for first, second in pairwise(starts)]
    assert all(overlap >= tile // 8 for overlap in overlaps)


def test_padding_mirrors_as_often_as_needed_and_centres() -> None:
    image = torch.arange(3, dtype=torch.uint8).reshape(1, 1, 3)
    assert pad_by_reflection(image, 1, 10)[0, 0].tolist() == [1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert pad_by_reflection(image, 4, 3).unique(dim=1).shape == (1, 1, 3)
    whole = noise((5, 6))
    assert torch.equal(pad_by_reflection(whole, 9, 8)[:, 2:7, 1:7], whole)


def test_the_smallest_size_that_holds_an_image() -> None:
    assert smallest_size(multiples_of_8, 9, 16) == (16, 16)
    powers = (16, 32, 64)

    def squares(height: int, width: int) -> tuple[int, int]:
        side = min(powers, key=lambda side: abs(2 * side - height - width))
        return side, side

    assert smallest_size(squares, 10, 40) == (64, 64)
    with pytest.raises(UserError, match="40x100 is larger than all that the model can do: the nearest size is 64x64"):
        smallest_size(squares, 100, 40)
