"""Load the model that a latent command works on. All of these commands load it here, so that an option added here has
the same meaning for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagewright.model import Model


def load_model(run: Path, at: int | None = None, space: str | None = None, truncation: float | None = None) -> Model:
    """The model of a run: at an earlier checkpoint, in a latent space, or truncated, as the options say."""
    import imagewright

    return imagewright.load(run, images_seen=at, space=space, truncation=truncation)
