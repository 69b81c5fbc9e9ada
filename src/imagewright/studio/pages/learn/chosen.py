"""The picture that a lesson is shown on: an uploaded one by its ticket, or one of a source by its number."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.studio import Studio


def chosen_picture(studio: Studio, asked: Asked, side: int) -> np.ndarray:
    """The chosen picture, uint8 (H, W, 3), with a longer side of `side` pixels at most."""
    if "ticket" not in asked:
        return studio.sources.picture(asked.text("source"), asked.whole("index", 0), side)
    from imagewright.studio.serving.sources import shown

    return shown(studio.shelf.get(asked.text("ticket")).pixels, side)


def key_of(asked: Asked) -> tuple[str, ...]:
    """What names the chosen picture."""
    if "ticket" in asked:
        return ("ticket", asked.text("ticket"))
    return ("source", asked.text("source"), str(asked.whole("index", 0)))


def channels_last(picture: Tensor) -> np.ndarray:
    """uint8 (C, H, W) as pages show it, (H, W, C)."""
    return np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
