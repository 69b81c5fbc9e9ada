"""The pictures of a grid that `plain_grid` drew, read back from its pixels."""

from __future__ import annotations

import numpy as np

from imagewright.output.grids import GAP, LINE, PAPER, PLAIN_CELL


def read_plain_grid(grid: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, int] | None:
    """The pictures of a plain grid, uint8 (N, H, W, C) in reading order, and its columns; None for another picture.

    grid: uint8 (H, W, C).
    size: (height, width) of its pictures, before they were enlarged.
    """
    scale = max(1, round(PLAIN_CELL / max(size)))
    step_y, step_x = (side * scale + GAP for side in size)
    height, width = grid.shape[0] - GAP, grid.shape[1] - GAP
    if height < step_y or width < step_x or height % step_y or width % step_x:
        return None
    above = grid[:height, :step_x, :3].reshape(height // step_y, step_y, step_x, -1)[:, :GAP]  # the first of each row
    if grid.shape[2] != 4 and not (above == LINE).all():
        return None
    rows, columns = height // step_y, width // step_x
    tiles = grid[:height, :width].reshape(rows, step_y, columns, step_x, -1).transpose(0, 2, 1, 3, 4)
    cells = tiles[:, :, GAP::scale, GAP::scale].reshape(rows * columns, *size, grid.shape[2])
    count = len(cells)
    while count > 1 and (cells[count - 1][..., :3] == PAPER).all():  # places that were left empty
        count -= 1
    return cells[:count], columns
