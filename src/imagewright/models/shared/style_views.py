"""The latent spaces of StyleGAN 1, 2 and 3: z, w, and w+, which has a style for each layer; and truncation in w.

Karras et al. 2019 (StyleGAN), arXiv:1812.04948, appendix B (truncation); Abdal et al. 2019 (Image2StyleGAN),
arXiv:1904.03189, section 3 (w+). Shape letters: N batch, C H W image, Z latent, W style, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from imagewright.capabilities import LatentPart, latent_parts_of
from imagewright.errors import UserError
from imagewright.layers.style_mapping import StyleMappingNetwork
from imagewright.model import Model
from imagewright.views import View

FARTHEST = 2.0  # psi: farther out there are no pictures


class StyleBased(Protocol):
    """A model whose images are made of styles."""

    @property
    def style_shape(self) -> tuple[int, int]:
        """(L, W)."""
        ...

    def map_latents(self, latents: Tensor) -> Tensor:
        """Latents (N, Z), with the condition if there is one, to w (N, W)."""
        ...

    def truncate_styles(self, styles: Tensor, psi: float) -> Tensor:
        """Styles (N, L, W) moved towards the mean of w."""
        ...

    def synthesise(self, styles: Tensor) -> Tensor:
        """Styles (N, L, W) to images (N, C, H, W) in [-1, 1], without randomness.

        A model with `noise_shapes` takes a second argument, `noise`: (N, 1, height, width) for each of them, or None.
        """
        ...


class HasStyles:
    """Mix-in of a `StyleBased` model: its spaces, truncation, and decoding; a style for each layer, and noise.

    By default the model has a `mapping`, by which styles are truncated, and adds no noise. Its `generator.synthesis`
    has `affines(layer)`: the `EqualisedLinear` layers that a style goes through.
    """

    spaces: ClassVar[tuple[str, ...]] = ("z", "w", "w+")
    style_space, layer_space = "w", "w+"

    @property
    def noise_shapes(self) -> Sequence[tuple[int, int]]:
        """Height and width of the noise of each layer."""
        return ()

    def to_styles(self: Any, latents: Tensor) -> Tensor:
        """Latents (N, Z) to styles (N, L, W)."""
        return broadcast(self.map_latents(latents), self.style_shape[0])

    def decode(self: Any, latents: Tensor) -> Tensor:
        """Latents (N, Z) to images (N, C, H, W) in [-1, 1]."""
        images: Tensor = self.synthesise(self.to_styles(latents))
        return images

    def decode_with_noise(self: Any, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """As `decode`, with noise (N, 1, height, width) for each of `noise_shapes`."""
        images: Tensor = self.synthesise(self.to_styles(latents), noise)
        return images

    def style_weight(self: Any, layer: int) -> Tensor:
        """The matrix (F, W) by which the style of a layer is multiplied."""
        return torch.cat([affine.weight * affine.scale for affine in self.generator.synthesis.affines(layer)])

    def truncate_styles(self: Any, styles: Tensor, psi: float) -> Tensor:
        """Styles (N, L, W), all of them moved towards the mean of w."""
        mapping: StyleMappingNetwork = self.mapping
        return mapping.truncate(styles, psi)

    def in_space(self: Any, name: str) -> Model:
        """The model with latents of another space."""
        own: Model = self
        return own if name == "z" else StyleView(own, space=name)

    def truncated(self: Any, psi: float) -> Model:
        """The model with every w moved towards the mean of w."""
        return StyleView(self, truncation=checked_psi(psi))


class StyleView(View):
    """The same networks with w or w+ as latents, or with truncated styles."""

    base: Any
    spaces, style_space, layer_space = HasStyles.spaces, HasStyles.style_space, HasStyles.layer_space

    @property
    def latent_shape(self) -> tuple[int, ...]:
        if self.space in (None, "z"):
            return tuple(self.base.latent_shape)
        return tuple(self.base.style_shape) if self.space == "w+" else (self.base.style_shape[1],)

    @property
    def latent_parts(self) -> tuple[LatentPart, ...]:
        if self.space in (None, "z"):
            return latent_parts_of(self.base)
        return (LatentPart(str(self.space), "normal", 0, math.prod(self.latent_shape)),)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of the base."""
        names: tuple[str, ...] = getattr(self.base, "class_names", ())
        return names

    def sample_latents(self, count: int, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        """Mapped from z: there is no other distribution of w."""
        latents: Tensor = self.base.sample_latents(count, generator, **({} if labels is None else {"labels": labels}))
        if self.space in (None, "z"):
            return latents
        with torch.no_grad():
            styles: Tensor = self.base.map_latents(latents.to(self.device))
        return (broadcast(styles, self.base.style_shape[0]) if self.space == "w+" else styles).cpu()

    def to_styles(self, latents: Tensor) -> Tensor:
        """Latents of this space to styles (N, L, W), before truncation."""
        if self.space == "w+":
            return latents
        styles = self.base.map_latents(latents) if self.space in (None, "z") else latents
        return broadcast(styles, self.base.style_shape[0])

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.base.synthesise(self._truncate(self.to_styles(latents)))
        return images

    def decode_with_noise(self, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """As `decode`, with noise (N, 1, height, width) for each of `noise_shapes`."""
        images: Tensor = self.base.synthesise(self._truncate(self.to_styles(latents)), noise)
        return images

    def _truncate(self, styles: Tensor) -> Tensor:
        if self.truncation is None:
            return styles
        moved: Tensor = self.base.truncate_styles(styles, self.truncation)
        return moved

    @property
    def noise_shapes(self) -> Sequence[tuple[int, int]]:
        """Those of the base."""
        shapes: Sequence[tuple[int, int]] = self.base.noise_shapes
        return shapes

    def style_weight(self, layer: int) -> Tensor:
        """The base's."""
        weight: Tensor = self.base.style_weight(layer)
        return weight

    def extract_features(self, images: Tensor) -> Tensor:
        """The base's, which do not depend on the space of latents."""
        features: Tensor = self.base.extract_features(images)
        return features

    def in_space(self, name: str) -> Model:
        """The model in another space, with the same truncation."""
        return StyleView(self.base, space=name, truncation=self.truncation)

    def truncated(self, psi: float) -> Model:
        """The model in the same space, truncated."""
        return StyleView(self.base, space=self.space, truncation=checked_psi(psi))


def broadcast(styles: Tensor, layers: int) -> Tensor:
    """(N, W) to (N, L, W): the same style for each layer."""
    return styles[:, None].expand(-1, layers, -1)


def checked_psi(psi: float) -> float:
    """`psi`. Raises `UserError` if it is out of range."""
    if not abs(psi) <= FARTHEST:
        raise UserError(
            f"truncation={psi:g}, but it must be from {-FARTHEST:g} to {FARTHEST:g}: 0 is the average image, 1 no "
            "change, and below 0 lie the opposites of images."
        )
    return psi
