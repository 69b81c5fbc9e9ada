"""The orders in which training sees the images."""

from __future__ import annotations

import numpy as np
import pytest

from imagewright.training.data.sampling_order import BLOCK, BLOCKS_MIXED, NearbyOrder, Order, ShuffledOrder


def orders(length: int, seed: int = 0) -> list[Order]:
    return [ShuffledOrder(length, seed), NearbyOrder(length, seed)]


@pytest.mark.parametrize("length", [1, 7, BLOCK, 1000, BLOCK * BLOCKS_MIXED, BLOCK * BLOCKS_MIXED + 3, 20_000])
def test_each_round_has_every_image_once_in_another_order(length: int) -> None:
    for order in orders(length):
        rounds = order(np.arange(3 * length)).reshape(3, length)
        assert all(np.array_equal(np.sort(one), np.arange(length)) for one in rounds)
        if length > 1:
            assert len({one.tobytes() for one in rounds}) > 1


def test_another_seed_is_another_order() -> None:
    for one, other in zip(orders(500, seed=0), orders(500, seed=1), strict=True):
        assert not np.array_equal(one(np.arange(500)), other(np.arange(500)))


def test_an_image_depends_on_its_position_alone() -> None:
    length = BLOCK * BLOCKS_MIXED + 700
    for in_sequence, order in zip(orders(length), orders(length), strict=True):
        whole = in_sequence(np.arange(4 * length))
        for positions in ([4 * length - 1, 0, length], list(range(length - 5, length + 5)), [13, 14, 6, 7]):
            assert np.array_equal(order(np.array(positions)), whole[positions])


def test_a_window_of_the_nearby_order_reads_few_blocks_and_mixes_them_well() -> None:
    order = NearbyOrder(100_000, 0)
    images = order(np.arange(BLOCK * BLOCKS_MIXED))
    assert len(np.unique(images // BLOCK)) == BLOCKS_MIXED
    batch_spread = [len(np.unique(batch // BLOCK)) for batch in images.reshape(-1, 64)]
    assert min(batch_spread) > 16, "a batch of 64 images has images of few blocks"
