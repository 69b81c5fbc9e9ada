"""Images: sources, decoding, the prepared cache, layers, and batches."""

from __future__ import annotations

from imagewright.images.batches import Batch
from imagewright.images.checks.report import CheckReport, check
from imagewright.images.images import Images
from imagewright.images.layers import Layer
from imagewright.images.open import open_images

__all__ = ["Batch", "CheckReport", "Images", "Layer", "check", "open_images"]
