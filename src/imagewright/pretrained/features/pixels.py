"""`pixels`: the downsampled picture itself as features. A baseline for networks."""

from __future__ import annotations

import hashlib

from torch import Tensor, nn

from imagewright.pixels import to_float
from imagewright.pretrained.features.contract import About, Features
from imagewright.pretrained.features.module import ModuleFeatures
from imagewright.pretrained.resizing import check_filter

SIDE = 32
CHANNELS = 3  # also of grey pictures, so that all scores have one recipe
BLOCK = 64
RULE = "pixels: 32x32 RGB in [-1, 1], channel by channel, row by row"


class Pixels(nn.Module):
    """float32 (N, 3, 32, 32) in [-1, 1] to 3,072 features."""

    def forward(self, images: Tensor) -> Features:
        """All red values, then green, then blue; each row by row."""
        return Features(images.flatten(1))


def open_pixels(resize: str = "lanczos") -> ModuleFeatures:
    """Pixels as features. `resize`: one of `resizing.FILTERS`. There are no weights: the digest is over `RULE`."""
    about = About(
        name="pixels",
        digest=hashlib.sha256(RULE.encode()).hexdigest(),
        dimension=CHANNELS * SIDE**2,
        size=(SIDE, SIDE),
        resize=check_filter(resize),
        channels=CHANNELS,
        value_range="-1 to 1",
        licence="none needed",
    )
    return ModuleFeatures(about, Pixels(), to_float, block=BLOCK)
