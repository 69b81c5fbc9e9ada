"""Images: sources, decoding, the prepared cache, and batches."""

from __future__ import annotations

from imagewright.images.images import Batch, Images
from imagewright.images.open import open_images

__all__ = ["Batch", "Images", "open_images"]
