"""The sheet of a projection: each picture over what the search started from and what it found, with their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from imagewright.latent.projection.project import Errors, Projection
from imagewright.output.grids import draw_grid

if TYPE_CHECKING:
    from PIL import Image

SHOWN = 12


def draw_projection(found: Projection, names: list[str], title: str) -> Image.Image:
    """The first twelve pictures, a column each."""
    count = min(len(names), SHOWN)
    shown: list[Tensor] = [each[:count] for each in (found.images, found.starts, found.reconstruction)]
    captions = [""] * count + _captions(found.start_errors, count) + _captions(found.errors, count)
    return draw_grid(
        torch.cat(shown),
        row_labels=["picture", found.started_at, "projection"],
        column_labels=names[:count],
        captions=captions,
        title=title,
    )


def _captions(errors: Errors, count: int) -> list[str]:
    pairs = zip(errors.psnr[:count].tolist(), errors.perceptual[:count].tolist(), strict=True)
    return [f"{psnr:.1f} dB  {perceptual:.2f}" for psnr, perceptual in pairs]
