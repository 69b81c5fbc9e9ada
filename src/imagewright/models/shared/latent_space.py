"""Densities and classifiers of latents: the encoder inside them, which maps pictures to the points they are fitted to.

The encoder is fitted together with the model, in closed form (`pca`), or is taken from a run and kept fixed; with
`pixels` the points are the pixel values. Points are flattened latents, float64 (N, D). Points may be held in memory,
pictures are streamed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright import catalogue, configs
from imagewright.capabilities import Decodes, Encodes, answers, require, verbs_of
from imagewright.configs import CompositeConfig, Config
from imagewright.errors import ConfigError, DataError
from imagewright.fit_work import DOUBLE, SINGLE, FitWork
from imagewright.model import Model, Stream
from imagewright.statistics.spectra import DEFAULT_COMPONENTS, pictures_vary
from imagewright.statistics.work import COPIES_OF_BATCH, READING

STREAMED_IMAGES = 256
COPIES_OF_PIXELS = 1.5  # the bytes and the floats
READING_AS_POINT = 350  # operations for a pixel value in double precision, beside those of reading it
PIXELS = "pixels"
ENCODER = "encoder."  # prefix of the names of the encoder's tensors


@dataclass(frozen=True, kw_only=True)
class LatentConfig(CompositeConfig):
    """The configuration of a model that is fitted to latents."""

    submodel_options: ClassVar[dict[str, tuple[str, ...]]] = {"encoder": ("encode",)}
    submodel_names: ClassVar[tuple[str, ...]] = (PIXELS,)
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    encoder: str = Field(
        "pca", description="encoder of the latents: pca (fitted with the model), pixels (none), or a run that encodes"
    )
    components: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="components of an encoder that is fitted with the model (the encoder's own default if not given)",
    )

    def __post_init__(self) -> None:
        if self.components is not None and (self.submodels or self.encoder == PIXELS):
            raise ValueError(
                f"components={self.components} is for an encoder that is fitted with the model: leave it out, or use "
                "--encoder pca"
            )


class PixelEncoder(Model):
    """The identity as an encoder: latents are the pixel values in [-1, 1], in the order channel, row, column."""

    Config = Config

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (math.prod(self.config.image_shape),)

    def fit(self, images: Stream) -> None:
        """Does nothing."""

    def fit_work(self, count: int) -> FitWork:
        return FitWork(0)

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        return latents.unflatten(1, self.config.image_shape)


@dataclasses.dataclass(frozen=True)
class PointsWork:
    """The work until the points of all pictures were read once or more.

    fitting: of the encoder.
    batch: bytes of a batch of pictures and of its points.
    operations: of all passes.
    dimensions: D, the numbers of a point.
    """

    fitting: FitWork
    batch: float
    operations: float
    dimensions: int

    def reading(self, held: float) -> FitWork:
        """The work if passes fill arrays of `held` bytes, which stay."""
        return self.fitting.then(FitWork(self.batch + held, held, self.operations))


class LatentModel:
    """Mixin of models that are fitted to latents: the sub-module `encoder`, and the points that it maps pictures to.

    `encoder` is a trained sub-model, or is fitted by `fit_encoder`. Classes list `Model` first among their bases, so
    each assigns `resize_buffers = LatentModel.resize_buffers`.
    """

    encoder: Model

    def create_parts(self, config: LatentConfig, *buffers: str) -> None:
        """Build the encoder, and register buffers of these names, empty float64 tensors until the model is fitted."""
        self.encoder = build_encoder(config)
        empty = torch.zeros(0, dtype=torch.float64)
        register_buffers(self, **dict.fromkeys(buffers, empty))

    def fit_encoder(self, images: Stream) -> None:
        """Fit the encoder, unless it came from a run. In evaluation mode, so that batch norms stay as they are."""
        self.encoder.eval()
        if not self.config.submodels:  # type: ignore[attr-defined]
            self.encoder.fit(images)

    def check_encoder(self, images: Stream) -> None:
        """`Model.check_images` of the encoder, unless it came from a run."""
        if not self.config.submodels:  # type: ignore[attr-defined]
            self.encoder.check_images(images)

    def check_points(self, images: Stream, what: str) -> None:
        """Raise what `fit_encoder` and `require_variation` would, as far as number and first pictures tell.

        what: how messages call the model.
        """
        self.check_encoder(images)
        _require_two(len(images), what)
        if not pictures_vary(images):
            raise _equal_latents(what)

    def points_work(self, count: int, passes: int = 1) -> PointsWork | None:
        """The work of fitting the encoder and of `passes` over the points.

        None if the encoder's work or the size of its latents is not known beforehand.
        """
        config: LatentConfig = self.config  # type: ignore[attr-defined]
        fitting = FitWork(0) if config.submodels else self.encoder.fit_work(count)
        if fitting is None or not answers(self.encoder, Decodes):
            return None
        dimensions, pixels = math.prod(self.encoder.latent_shape), math.prod(config.image_shape)
        if dimensions == 1 and not config.submodels:  # the number is open before the fit
            dimensions = min(DEFAULT_COMPONENTS, count - 1, pixels)
        # Bytes and floats of a batch; for an encoder differences from the mean, and the batch before. In double
        # precision points, those before, and their absolute values.
        rows, copies = min(count, STREAMED_IMAGES), COPIES_OF_PIXELS if config.encoder == PIXELS else COPIES_OF_BATCH
        batch = SINGLE * copies * rows * pixels + 3.0 * DOUBLE * rows * dimensions
        of_value = READING + (READING_AS_POINT if config.encoder == PIXELS else dimensions)
        operations = passes * 1.0 * count * pixels * of_value
        return PointsWork(fitting, batch, operations, max(1, dimensions))

    def all_points(self, images: Stream) -> Tensor:
        """The pictures' points, float64 (N, D), in one array: parts that wait to be joined would scatter the heap."""
        points, first = torch.zeros(0), 0
        for batch in self.stream_points(images):
            points = batch.new_empty(len(images), batch.shape[1]) if first == 0 else points
            points[first : first + len(batch)] = batch
            first += len(batch)
        return points

    def stream_points(self, images: Stream) -> Iterator[Tensor]:
        """One pass over the pictures' points, float64 (n, D) a batch. Raises `DataError` if one is not finite."""
        for batch in images.batches(STREAMED_IMAGES):
            points = self.encode_points(batch)
            if not bool(torch.isfinite(points).all()):
                raise DataError("The encoder's latents are not finite numbers: check the training of its run.")
            yield points

    def encode_points(self, images: Tensor) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] to points, float64 (N, D)."""
        return require(self.encoder, Encodes).encode(images).flatten(1).double()

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        """Give this model's buffers and its encoder's the shapes of the state about to be loaded."""
        inside = {name.removeprefix(ENCODER): tensor for name, tensor in state.items() if name.startswith(ENCODER)}
        self.encoder.resize_buffers(inside)
        own = self._buffers  # type: ignore[attr-defined]
        register_buffers(self, **{name: torch.zeros_like(state[name]) for name in own if name in state})


class ClassifiesLatents(LatentModel):
    """Mixin of models that classify latents."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.config.class_names  # type: ignore[attr-defined]


class SamplesLatents(LatentModel):
    """Mixin of models that sample latents; samples can be decoded if the encoder decodes."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of the encoder's latents."""
        return tuple(require(self.encoder, Decodes).latent_shape)

    @property
    def decode(self) -> Callable[[Tensor], Tensor]:
        """The encoder's `decode`.

        If the encoder has none, this raises `AttributeError`, so that the model does not offer the verbs `decode` and
        `sample`.
        """
        return self.encoder.decode  # type: ignore[return-value]

    def as_latents(self, points: Tensor) -> Tensor:
        """Points (N, D) as float32 latents (N, *latent_shape)."""
        return points.float().unflatten(1, self.latent_shape)


class EncodesLatents(SamplesLatents):
    """Mixin of models that sample latents and offer `encode`."""

    def encode(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to the encoder's latents (N, *latent_shape)."""
        return require(self.encoder, Encodes).encode(images)


def build_encoder(config: LatentConfig) -> Model:
    """The encoder that a configuration names, not fitted: the model of a run, a model of the catalogue, or `pixels`.

    Raises `ConfigError` for a model that cannot be fitted in closed form or does not encode.
    """
    if part := config.submodels.get("encoder"):
        part_class = catalogue.model_class(part["model"])
        return part_class(configs.build(part_class.Config, part["config"], part["model"]))
    shape: dict[str, Any] = {"size": config.size, "channels": config.channels}
    if config.encoder == PIXELS:
        return PixelEncoder(Config(**shape))
    encoder_class = catalogue.model_class(config.encoder)
    _require_closed_form_encoder(config.encoder, encoder_class)
    chosen: dict[str, Any] = {} if config.components is None else {"components": config.components}
    if issubclass(encoder_class.Config, configs.LabelledConfig):
        if not isinstance(config, configs.LabelledConfig):
            raise ConfigError(
                f"encoder={config.encoder} needs labels, and this model has none: use --encoder pca, or train "
                f"{config.encoder} by itself and name its run."
            )
        chosen["class_names"] = config.class_names
    return encoder_class(configs.build(encoder_class.Config, shape | chosen, config.encoder))


def _require_closed_form_encoder(name: str, encoder_class: type[Model]) -> None:
    """Raise `ConfigError` unless the model encodes, is fitted in closed form, and contains no other model."""
    inside = issubclass(encoder_class.Config, CompositeConfig)
    if encoder_class.is_closed_form() and "encode" in verbs_of(encoder_class) and not inside:
        return
    if "encode" in verbs_of(encoder_class) and not inside:
        raise ConfigError(
            f"encoder={name}, but a {name} is trained in steps: train it first (`imagewright train {name} ...`), and "
            f"give the path of its run."
        )
    raise ConfigError(f"encoder={name}, but {name} is no encoder: use pca, or the path of a run that encodes.")


def register_buffers(model: Any, **tensors: Tensor) -> None:
    """Register tensors as buffers of a model."""
    for name, tensor in tensors.items():
        model.register_buffer(name, tensor)


def require_labels(images: Stream, class_names: tuple[str, ...], what: str) -> Tensor:
    """The labels of a stream, int64 (N,). Raises `DataError` if there are none, or of one class only.

    what: how messages call the model.
    """
    labels = images.labels
    if labels is None:
        raise DataError(f"{what} learns classes, and these pictures have no labels.")
    there = labels.unique()
    if len(there) < 2:
        raise DataError(
            f"{what} needs pictures of two classes or more, but all {len(labels):,} pictures are of one, "
            f"{class_names[int(there[0])]!r}."
        )
    return labels


def require_variation(points: Tensor, what: str) -> None:
    """Raise `DataError` for fewer than two points (N, D), or if all are equal. `what`: how messages call the model."""
    _require_two(len(points), what)
    if bool((points == points[0]).all()):
        raise _equal_latents(what)


def _require_two(count: int, what: str) -> None:
    if count < 2:
        raise DataError(f"{what} needs two pictures or more, and there is {count}.")


def _equal_latents(what: str) -> DataError:
    return DataError(f"All pictures have the same latent, and {what} needs latents that vary.")
