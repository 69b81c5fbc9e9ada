"""The encoder inside a density or a classifier: what turns pictures into the points that these are fitted to.

It is fitted here, in closed form (`pca`), or comes from a run and is held; without one the points are the pixels.
Points are float64 (N, D): latents flattened. Only points are ever held, never pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright import catalogue, configs
from imagewright.capabilities import Decodes, Encodes, require, verbs_of
from imagewright.configs import CompositeConfig, Config
from imagewright.errors import ConfigError, DataError
from imagewright.model import Model, Stream

STREAMED_IMAGES = 256
PIXELS = "pixels"
ENCODER = "encoder."  # what the names of the encoder's tensors begin with


@dataclass(frozen=True, kw_only=True)
class LatentConfig(CompositeConfig):
    """The options of a model that is fitted to latents."""

    submodel_options: ClassVar[dict[str, tuple[str, ...]]] = {"encoder": ("encode",)}
    submodel_names: ClassVar[tuple[str, ...]] = (PIXELS,)
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    encoder: str = Field(
        "pca", description="what gives the latents: pca, fitted here; pixels, for none; or a run that encodes"
    )
    components: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="components of the encoder that is fitted here (its own default unless given)",
    )

    def __post_init__(self) -> None:
        if self.components is not None and (self.submodels or self.encoder == PIXELS):
            raise ValueError(
                f"components={self.components} is for an encoder that is fitted here: leave it out, or use encoder=pca"
            )


class Pixels(Model):
    """The encoder that is none: the points are the pixel values in [-1, 1], in the order channel, row, column."""

    Config = Config

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (math.prod(self.config.image_shape),)

    def fit(self, images: Stream) -> None:
        """Nothing to learn."""

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        return latents.unflatten(1, self.config.image_shape)


class LatentSpace:
    """What every model with an encoder inside shares; each is a `Model` first, and takes over `resize_buffers` from here.

    The sub-module `encoder` is a trained part, or is fitted by `fit_encoder`. `points` streams the pictures through it.
    """

    encoder: Model

    def fit_encoder(self, images: Stream) -> None:
        """Fit the encoder, unless it came from a run: then its batch norms must not move with what they see here."""
        self.encoder.eval()
        if not self.config.submodels:  # type: ignore[attr-defined]
            self.encoder.fit(images)

    def points(self, images: Stream) -> Iterator[Tensor]:
        """One pass over the pictures' points, float64 (n, D) a batch. `DataError` for ones that are no numbers."""
        for batch in images.batches(STREAMED_IMAGES):
            points = self.points_of(batch)
            if not bool(torch.isfinite(points).all()):
                raise DataError("The encoder gives latents that are no finite numbers: was its training broken off?")
            yield points

    def points_of(self, images: Tensor) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] to points, float64 (N, D)."""
        return require(self.encoder, Encodes).encode(images).flatten(1).double()

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        """Give the encoder's buffers and our own the shapes of a state about to be loaded."""
        inside = {name.removeprefix(ENCODER): tensor for name, tensor in state.items() if name.startswith(ENCODER)}
        self.encoder.resize_buffers(inside)
        own = self._buffers  # type: ignore[attr-defined]
        hold(self, **{name: torch.zeros_like(state[name]) for name in own if name in state})


class Sampled(LatentSpace):
    """A latent space whose points are latents to draw and, where the encoder can, to decode."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The encoder's."""
        return tuple(require(self.encoder, Decodes).latent_shape)

    @property
    def decode(self) -> Callable[[Tensor], Tensor]:
        """The encoder's; one that does not decode leaves this model without `decode`, and so without `sample`."""
        return self.encoder.decode  # type: ignore[return-value]

    def as_latents(self, points: Tensor) -> Tensor:
        """Points (N, D) as float32 latents (N, *latent_shape)."""
        return points.float().unflatten(1, self.latent_shape)


class Encoded(Sampled):
    """One whose pictures are told by their latents: it encodes, too."""

    def encode(self, images: Tensor) -> Tensor:
        """The encoder's latents."""
        return require(self.encoder, Encodes).encode(images)


def encoder_of(config: LatentConfig) -> Model:
    """The encoder that a configuration asks for, not fitted yet: a part's, a model of the catalogue's, or none."""
    if part := config.submodels.get("encoder"):
        part_class = catalogue.model_class(part["model"])
        return part_class(configs.build(part_class.Config, part["config"], part["model"]))
    shape: dict[str, Any] = {"size": config.size, "channels": config.channels}
    if config.encoder == PIXELS:
        return Pixels(Config(**shape))
    encoder_class = catalogue.model_class(config.encoder)
    _check_fitted_here(config.encoder, encoder_class)
    chosen: dict[str, Any] = {} if config.components is None else {"components": config.components}
    if issubclass(encoder_class.Config, configs.LabelledConfig):
        if not isinstance(config, configs.LabelledConfig):
            raise ConfigError(
                f"encoder={config.encoder} needs labels, and this model has none: use encoder=pca, or train "
                f"{config.encoder} by itself and name its run."
            )
        chosen["class_names"] = config.class_names
    return encoder_class(configs.build(encoder_class.Config, shape | chosen, config.encoder))


def _check_fitted_here(name: str, encoder_class: type[Model]) -> None:
    """Raise `ConfigError` unless the model encodes and is fitted in closed form, with nothing inside it."""
    inside = issubclass(encoder_class.Config, CompositeConfig)
    if encoder_class.is_closed_form() and "encode" in verbs_of(encoder_class) and not inside:
        return
    if "encode" in verbs_of(encoder_class) and not inside:
        raise ConfigError(
            f"encoder={name}, but a {name} is trained in steps: train it first (`imagewright train {name} ...`), and "
            f"give the path of its run."
        )
    raise ConfigError(f"encoder={name}, but {name} is no encoder: use pca, or the path of a run that encodes.")


def hold(model: Any, **tensors: Tensor) -> None:
    """Keep fitted numbers as buffers of a model."""
    for name, tensor in tensors.items():
        model.register_buffer(name, tensor)


def checked_labels(images: Stream, class_names: tuple[str, ...], what: str) -> Tensor:
    """The labels of a stream, int64 (N,). Raises `DataError` where there are none, or of fewer than two classes."""
    labels = images.labels
    if labels is None:
        raise DataError(f"{what} learns classes, and these pictures have no labels.")
    there = labels.unique()
    if len(there) < 2:
        raise DataError(
            f"{what} tells classes apart, but all {len(labels):,} pictures are of one, {class_names[int(there[0])]!r}: "
            "two or more are needed."
        )
    return labels


def check_varied(points: Tensor, what: str) -> None:
    """Raise `DataError` for fewer than two points (N, D), or where all are equal."""
    if len(points) < 2:
        raise DataError(f"{what} needs two pictures or more, and there is {len(points)}.")
    if bool((points == points[0]).all()):
        raise DataError(f"All pictures have the same latent: {what} finds nothing that varies in them.")
