"""What samples and training pictures are compared in: pixels, and the features of a model."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import interpolate

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import UserError
from imagewright.images import Images
from imagewright.latent.projection.objective import can_perceive
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.verbs.apply import ImagesLike, images_for
from imagewright.verbs.blocks import in_blocks

LARGEST = 64  # pixels: a copy shows at this longer side, at a fraction of the cost
FAINT = 0.02  # standard deviation of the pixels, two or three grey levels: fainter patterns are not brought out


class Pixels:
    """Pixels whatever the light and the contrast of the picture; of larger ones their means at a longer side of 64."""

    name = "pixels"

    def __init__(self, model: Model) -> None:
        self.model = model

    def opened(self, images: ImagesLike) -> Images:
        return images_for(self.model, images)

    def rows(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) to (N, F)."""
        pixels = to_float(images)
        shrink = LARGEST / max(pixels.shape[2:])
        if shrink < 1:
            size = [max(1, round(side * shrink)) for side in pixels.shape[2:]]
            pixels = interpolate(pixels, size, mode="area")
        rows = pixels.flatten(1)
        return (rows - rows.mean(1, keepdim=True)) / rows.std(1, keepdim=True).clamp(min=FAINT)


class Features:
    """What a model perceives in pictures, or else its latents of them."""

    def __init__(self, model: Model, whose: str) -> None:
        self.model: Any = model
        if not has_features(model):
            raise UserError(
                f"{catalogue.name_of(model)} has no features: neither a discriminator nor an encoder. "
                "Name a run that has, with features=RUN."
            )
        perceives = can_perceive(model)
        self.name = f"{whose} features" if perceives else f"{whose} latents"
        self._see: Any = self.model.extract_features if perceives else self.model.encode

    def opened(self, images: ImagesLike) -> Images:
        return images_for(self.model, images)

    def rows(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) to (N, F)."""
        return in_blocks(self.model, lambda block: self._see(to_float(block)).flatten(1), images)


def has_features(model: Model) -> bool:
    """Whether a model sees anything but pixels."""
    return can_perceive(model) or "encode" in verbs_of(model)
