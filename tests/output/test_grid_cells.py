"""Grids of previews, read back as pictures."""

from __future__ import annotations

import numpy as np
import pytest

from imagewright.output.grid_cells import read_plain_grid
from imagewright.output.grids import draw_grid, plain_grid


@pytest.mark.parametrize(("count", "size", "columns"), [(6, (8, 8), 3), (5, (16, 24), 3), (4, (128, 64), 2)])
def test_a_plain_grid_is_read_back(count: int, size: tuple[int, int], columns: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (count, 3, *size), np.uint8)
    grid = read_plain_grid(np.asarray(plain_grid(pictures, columns)), size)
    assert grid is not None
    np.testing.assert_array_equal(grid[0], pictures.transpose(0, 2, 3, 1))
    assert grid[1] == columns


def test_another_picture_is_none() -> None:
    pictures = np.zeros((4, 3, 16, 16), np.uint8)
    assert read_plain_grid(np.asarray(draw_grid(pictures, title="labelled")), (16, 16)) is None
    assert read_plain_grid(np.zeros((134, 134, 3), np.uint8), (64, 64)) is None
