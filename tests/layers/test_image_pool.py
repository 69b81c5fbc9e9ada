"""The pool of past fakes: it fills, then gives old ones half of the time, each of which is replaced."""

from __future__ import annotations

import torch

from imagewright.layers.image_pool import ImagePool
from imagewright.phases import Draws, Step


def step(index: int, rows: int) -> Step:
    draws = Draws(torch.Generator().manual_seed(index), rows, 0, rows)
    return Step(
        images=torch.zeros(rows, 1, 1, 1), labels=None, attributes=None, index=index, images_seen=0, draws=draws
    )


def test_a_pool_keeps_the_first_fakes_and_then_exchanges_half_of_the_others() -> None:
    pool = ImagePool(8, (1, 1, 1))
    given, returned = [], []
    for index in range(400):
        fakes = torch.full((2, 1, 1, 1), (index % 200 - 100) / 127.5)
        got = pool(step(index, 2), fakes)
        given += fakes.flatten().tolist()
        returned += got.flatten().tolist()
    assert max(abs(one - other) for one, other in zip(returned[:8], given[:8], strict=True)) < 0.005
    old = [abs(one - other) > 0.005 for one, other in zip(given[8:], returned[8:], strict=True)]
    assert 0.4 < sum(old) / len(old) < 0.6
    assert int(pool.filled) == 8


def test_a_pool_without_places_returns_the_fakes() -> None:
    fakes = torch.randn(3, 1, 2, 2)
    assert ImagePool(0, (1, 2, 2))(step(0, 3), fakes) is fakes
