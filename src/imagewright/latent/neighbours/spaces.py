"""The spaces in which samples and training pictures are compared: pixels, and features of models or fixed networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.nn.functional import interpolate

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import UserError
from imagewright.images import Images
from imagewright.latent.projection.objective import has_feature_extractor
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.pretrained.features.contract import NETWORKS, open_network, runs_code
from imagewright.verbs.apply import ImagesLike, images_for
from imagewright.verbs.blocks import in_blocks

if TYPE_CHECKING:
    from typing_extensions import TypeIs

LARGEST = 64  # pixels of the longer side: copies are still found, at a fraction of the cost
FAINT = 0.02  # standard deviation of the pixels, two or three grey levels; fainter patterns are not amplified to 1


class PixelSpace:
    """Pixels standardised for brightness and contrast; larger pictures are averaged to a longer side of 64."""

    name = "pixels"

    def __init__(self, model: Model) -> None:
        self.model = model

    def open(self, images: ImagesLike) -> Images:
        """Images at the model's size."""
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


class FeatureSpace:
    """A model's features of pictures; its latents if it extracts no features.

    Raises `UserError` for a model with neither features nor an encoder.
    """

    def __init__(self, model: Model, whose: str) -> None:
        self.model: Any = model
        if not has_features(model):
            raise UserError(
                f"{catalogue.name_of(model)} has no features: neither a discriminator nor an encoder. "
                "Name a run that has, with --features RUN, or a fixed network: --features random."
            )
        extracts = has_feature_extractor(model)
        self.name = f"{whose} features" if extracts else f"{whose} latents"
        self._extract: Any = self.model.extract_features if extracts else self.model.encode

    def open(self, images: ImagesLike) -> Images:
        """Images at the model's size."""
        return images_for(self.model, images)

    def rows(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) to (N, F)."""
        return in_blocks(self.model, lambda block: self._extract(to_float(block)).flatten(1), images)


class NetworkSpace:
    """The features of a fixed network (`pretrained/features`), of pictures at the model's size.

    name: of the network. Raises `DataError` if its weights cannot be had.
    """

    def __init__(self, model: Model, name: str) -> None:
        self.model, self.name = model, f"features of {name}"
        self.network = open_network(name)

    def open(self, images: ImagesLike) -> Images:
        """Images at the model's size."""
        return images_for(self.model, images)

    def rows(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) to (N, F)."""
        return self.network.extract(self.network.prepare(images)).pooled


def names_network(features: object) -> TypeIs[str]:
    """Whether `features` is the name of a fixed network, and not a run."""
    return isinstance(features, str) and (features in NETWORKS or runs_code(features))


def has_features(model: Model) -> bool:
    """Whether a model extracts features or encodes."""
    return has_feature_extractor(model) or "encode" in verbs_of(model)
