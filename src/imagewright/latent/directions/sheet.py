"""The sheet of directions: each a strip from three standard deviations below a picture to three above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from imagewright.latent.directions.directions import Directions
from imagewright.latent.inputs import Points
from imagewright.model import Model
from imagewright.output.grids import draw_grid
from imagewright.verbs.apply import decode

if TYPE_CHECKING:
    from PIL import Image

STRENGTHS = (-3, -2, -1, 0, 1, 2, 3)


def draw_directions(model: Model, found: Directions, points: Points, title: str) -> Image.Image:
    """A row for each direction and point; the middle column is the point itself."""
    strips, labels = [], []
    for number in range(len(found.scales)):
        for place, latents in enumerate(points.latents):
            walk = [found.moved(latents[None], number, strength) for strength in STRENGTHS]
            strips.append(decode(model, torch.cat(walk)))
            point = "" if len(points.labels) == 1 else points.labels[place]
            labels.append(f"{_label(found, number)}  {point}".strip() if place == 0 else point)
    middle = points.labels[0] if len(points.labels) == 1 else "0"
    return draw_grid(
        torch.cat(strips),
        row_labels=labels,
        column_labels=[f"{strength:+d}" if strength else middle for strength in STRENGTHS],
        title=title,
    )


def _label(found: Directions, number: int) -> str:
    what = "gain" if found.method == "weights" else "explains"
    return f"{number}: {what} {float(found.explained[number]):.1%}, changes {float(found.changes[number]):.0f}"
