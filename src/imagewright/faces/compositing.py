"""A new face fitted to its frame: resampled, then colours, edge and sharpness matched to the face that it replaces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from imagewright.faces.colours import ColourMethod, match_colours
from imagewright.faces.detail import match_sharpness
from imagewright.faces.edge_colours import even_edge
from imagewright.faces.pasting import Region, poisson_region, warp_back


@dataclass(frozen=True, kw_only=True)
class Compositing:
    """How a new face is fitted to its frame.

    Attributes:
        colour: a method of `match_colours`.
        even: match the colours near the edge of the mask, too (`even_edge`).
        sharpen: match the sharpness (`match_sharpness`).
        blend: "paste", or "poisson" for stills, which needs no `even`.
    """

    colour: ColourMethod = "reinhard"
    even: bool = True
    sharpen: bool = True
    blend: Literal["paste", "poisson"] = "paste"


def fit_face(
    frame: np.ndarray, crop: np.ndarray, mask: np.ndarray, square: np.ndarray, how: Compositing | None = None
) -> Region:
    """A crop in the pixels of its frame, ready for `pasting.blend`.

    All is matched at the frame's resolution to the face that was there; nothing but the frame is needed for it.

    frame: uint8 (H, W, 3).
    crop: float RGB (S, S, 3) from 0 to 1.
    mask: (S', S') with values from 0 to 1, of the same square, 0 at its border (`soften_mask`).
    square: (2, 3): from the unit square to pixels of the frame.
    """
    how = how or Compositing()
    region = warp_back(crop, mask, square, *frame.shape[:2])
    if region.is_empty:
        return region
    footage = region.of(frame).astype(np.float32) / np.float32(255)
    region = replace(region, picture=match_colours(region.picture, footage, region.mask, how.colour))
    if how.blend == "poisson":
        region = poisson_region(frame, region)
    elif how.even:
        region = replace(region, picture=even_edge(region.picture, region.mask, footage))
    if how.sharpen:  # last: before a Poisson blend it would change the pixels of the edge that give the colours
        region = replace(region, picture=match_sharpness(region.picture, region.mask, footage))
    return region
