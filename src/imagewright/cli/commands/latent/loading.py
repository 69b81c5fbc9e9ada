"""Load the model of a latent command: pass the options --at, --space and --truncation through to `load`.

Every latent command calls this function, so that an option of loading added here reaches all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagewright.model import Model


def load_model(run: Path, at: int | None = None, space: str | None = None, truncation: float | None = None) -> Model:
    """The model of a run: at checkpoint `at`, in latent space `space`, with truncation psi `truncation`, if given."""
    import imagewright

    return imagewright.load(run, images_seen=at, space=space, truncation=truncation)
