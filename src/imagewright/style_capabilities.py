"""What a model whose images are made in layers may have besides its verbs: a style for each layer, and noise in them.

Tools that mix styles, edit by layer and vary noise are written against these protocols. Views of such a model, in any
space and truncated, have them too. Shape letters: N batch, L layers, W numbers of a style, F numbers of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from imagewright import catalogue
from imagewright.capabilities import Decodes, HasSpaces
from imagewright.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import TypeIs

MOST_OF_A_GROUP = 4  # layers: in the published networks those of two resolutions


class HasStyleLayers(HasSpaces, Decodes, Protocol):
    """Makes images in layers, coarse ones first, each of which takes a style, as StyleGAN does."""

    style_space: str
    """The space of one style for all layers, whose latents are (W,): w."""
    layer_space: str
    """The space of a style for each layer, whose latents are (L, W): w+."""

    def to_styles(self, latents: Tensor) -> Tensor:
        """Latents (N, *latent_shape) of the model or view to those of `layer_space`, (N, L, W), before truncation."""
        ...

    def style_weight(self, layer: int) -> Tensor:
        """The matrix (F, W) by which the style of a layer is multiplied there."""
        ...


class TakesNoise(Decodes, Protocol):
    """Adds noise in its layers, by which details vary if the latent does not; `decode` always adds the same noise."""

    @property
    def noise_shapes(self) -> Sequence[tuple[int, int]]:
        """Height and width of the noise of each layer, coarse ones first; empty if there is none."""
        ...

    def decode_with_noise(self, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """As `decode`, with other noise: (N, 1, height, width) of N(0, 1) for each layer."""
        ...


def has_style_layers(model: object) -> TypeIs[HasStyleLayers]:
    """Whether each layer of a model takes a style of its own."""
    return all(hasattr(model, name) for name in ("style_space", "layer_space", "to_styles"))


def takes_noise(model: object) -> TypeIs[TakesNoise]:
    """Whether a model adds noise in its layers."""
    return bool(getattr(model, "noise_shapes", ()))


def require_style_layers(model: Any) -> HasStyleLayers:
    """The model, if each of its layers takes a style. Raises `UserError` if not."""
    if has_style_layers(model):
        return model
    raise UserError(
        f"{catalogue.name_of(model)} has no layers that take a style each, as those of StyleGAN do, so its layers "
        "can neither be chosen nor mixed: use a run of such a model."
    )


def require_noise(model: Any) -> TakesNoise:
    """The model, if it adds noise in its layers. Raises `UserError` if not."""
    if takes_noise(model):
        return model
    raise UserError(
        f"{catalogue.name_of(model)} adds no noise in its layers, so there is none to vary: use a run of a model that "
        "does, such as stylegan2 with --noise."
    )


def in_layers(model: Any) -> Any:
    """The model, or its view, with a style for each layer as latents, (L, W); truncated as it is."""
    layered = require_style_layers(model)
    return layered.in_space(layered.layer_space)


def in_one_style(model: Any) -> Any:
    """The model, or its view, with one style for all layers as latents, (W,)."""
    layered = require_style_layers(model)
    return layered.in_space(layered.style_space)


def count_layers(model: Any) -> int:
    """L."""
    return int(in_layers(model).latent_shape[0])


def layer_groups(count: int) -> dict[str, range]:
    """The layers that are called coarse, middle and fine: four, four and the rest; fewer of a small network.

    Karras et al. 2019, arXiv:1812.04948, section 3.1: 4x4 and 8x8 pixels, 16x16 and 32x32, and all above.

    >>> layer_groups(18)
    {'coarse': range(0, 4), 'middle': range(4, 8), 'fine': range(8, 18)}
    >>> layer_groups(8)
    {'coarse': range(0, 3), 'middle': range(3, 6), 'fine': range(6, 8)}
    """
    coarse = min(MOST_OF_A_GROUP, -(-count // 3))
    middle = coarse + min(MOST_OF_A_GROUP, -(-(count - coarse) // 2))
    return {"coarse": range(coarse), "middle": range(coarse, middle), "fine": range(middle, count)}
