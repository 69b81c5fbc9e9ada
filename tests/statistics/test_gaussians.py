"""Rows of standard normal numbers, each of a generator of its own."""

from __future__ import annotations

import pytest
import torch

from imagewright.statistics.gaussians import ROWS_AT_ONCE, normal_rows


@pytest.mark.parametrize("numbers", [1, 15, 16, 17, 100])  # torch fills 16 numbers and more in another way
@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 3])
def test_each_row_is_what_its_generator_draws_alone(numbers: int, count: int) -> None:
    generator = torch.Generator()
    found = normal_rows(map(generator.manual_seed, range(count)), numbers)
    assert found.shape == (count, numbers)
    for seed in range(0, count, 50):
        assert torch.equal(found[seed], torch.randn(1, numbers, generator=torch.Generator().manual_seed(seed))[0])
