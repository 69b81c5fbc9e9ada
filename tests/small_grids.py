"""Grids that show the tiny pictures of the tests as they are, in each process of the tests.

Enlarged as for people, the previews of a training would take longer to compress than its steps.
"""

from __future__ import annotations

import pytest

from imagewright.output import grid_cells, grids

_USUAL = grids.PLAIN_CELL


def use_small_grids() -> None:
    """In this process, from now on: cells of the side of the tiny pictures, 16 pixels."""
    grids.PLAIN_CELL = grid_cells.PLAIN_CELL = 16


def use_usual_grids(patch: pytest.MonkeyPatch) -> None:
    """Grids as people see them, until the patch is undone."""
    for module in (grids, grid_cells):
        patch.setattr(module, "PLAIN_CELL", _USUAL)
