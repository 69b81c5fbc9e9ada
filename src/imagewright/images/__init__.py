"""Images: sources, decoding, the prepared cache, layers, and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagewright.images.batches import Batch
from imagewright.images.images import Images
from imagewright.images.layers import Layer
from imagewright.images.open import open_images

if TYPE_CHECKING:
    from imagewright.images.checks.report import CheckReport, check

__all__ = ["Batch", "CheckReport", "Images", "Layer", "check", "open_images"]


def __getattr__(name: str) -> Any:
    """The checks, which few programs use, are imported when they are."""
    if name not in ("CheckReport", "check"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from imagewright.images.checks import report

    return getattr(report, name)
