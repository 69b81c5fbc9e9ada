"""Images: sources, decoding, the prepared cache, and batches."""

from __future__ import annotations

from imagewright.images.batches import Batch
from imagewright.images.checks.report import CheckReport, check_images
from imagewright.images.images import Images
from imagewright.images.open import open_images

__all__ = ["Batch", "CheckReport", "Images", "check_images", "open_images"]
