"""Edited pictures as a sheet, strengths from left to right, and as the frames of a loop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from imagewright.latent.editing.edit import Edited
from imagewright.output.grids import PAPER, draw_grid, plain_grid

FRAME_CELL = 192  # pixels of a picture's longer side in an animation: players blur small ones


def draw_edited(edited: Edited, title: str) -> Image.Image:
    """A row a point: the picture itself and what the model makes of it, where there is one, then every strength."""
    return draw_rows(edited.images, edited.originals, edited.rebuilt, edited.labels, column_labels(edited.steps), title)


def draw_rows(
    images: Tensor,
    originals: Sequence[Tensor | None],
    rebuilt: Tensor,
    labels: Sequence[str],
    columns: Sequence[str],
    title: str,
) -> Image.Image:
    """uint8 (N, K, C, H, W) in rows. The first two columns show what the model loses, lest it be taken for the edit."""
    cells = images
    heads = list(columns)
    if any(original is not None for original in originals):
        blank = torch.full_like(rebuilt[0], PAPER)
        first = torch.stack([blank if original is None else original for original in originals])
        cells = torch.cat([first[:, None], rebuilt[:, None], images], 1)
        heads = ["picture", "rebuilt", *heads]
    return draw_grid(cells.flatten(0, 1), row_labels=list(labels), column_labels=heads, title=title)


def column_labels(steps: Sequence[dict[str, float]]) -> list[str]:
    """`+1.5` where one strength changes from column to column; `edited` where there is one column."""
    changing = [name for name in steps[0] if len({step[name] for step in steps}) > 1]
    if not changing:
        return ["edited"] * len(steps)
    return [", ".join(f"{step[name]:+.3g}" if step[name] else "0" for name in changing) for step in steps]


def frames_of(edited: Edited) -> list[Image.Image]:
    """All points side by side, from the first strength to the last and back: a loop without a jump."""
    forth = list(range(edited.images.shape[1]))
    scale = max(1, round(FRAME_CELL / max(edited.images.shape[-2:])))
    return [
        plain_grid(edited.images[:, column], columns=_wide(len(edited.images)), scale=scale)
        for column in [*forth, *forth[-2:0:-1]]
    ]


def _wide(count: int) -> int:
    return count if count <= 4 else -(-count // 2) if count <= 8 else round(count**0.5 * 1.3)
