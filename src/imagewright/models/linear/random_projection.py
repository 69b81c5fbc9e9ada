"""Random projection: coordinates along random directions, which approximately preserve distances between pictures.

Johnson & Lindenstrauss 1984; Dasgupta & Gupta 2003, "An elementary proof of a theorem of Johnson and Lindenstrauss";
Achlioptas 2003, "Database-friendly random projections" (entries -1, 0, 1); Li, Hastie & Church 2006, "Very sparse
random projections". Only the mean is learned: a baseline for other encoders.
Shape letters: N images, D = C H W pixel values, K dimensions.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import Config
from imagewright.errors import ConfigError
from imagewright.fit_work import DOUBLE, SINGLE, FitWork
from imagewright.model import Model, Stream
from imagewright.statistics.moments import mean_and_variance
from imagewright.statistics.spectra import DEFAULT_COMPONENTS
from imagewright.statistics.work import moments_work

DEPENDENT = 1e-6  # of the largest Cholesky pivot: directions with a smaller pivot count as linearly dependent


def dimensions_for(epsilon: float, pictures: int) -> int:
    """The number of dimensions that preserves all squared distances between N pictures up to a factor of 1 +- epsilon.

    K = 4 ln N / (epsilon^2 / 2 - epsilon^3 / 3), rounded down (Dasgupta & Gupta 2003, theorem 2.1). By the theorem, K
    random directions do so with a probability of at least 1 / N, and 2 K directions of at least 1 - 1 / N^2.

    >>> dimensions_for(0.1, 1000), dimensions_for(0.5, 1_000_000)
    (5920, 663)
    """
    return int(4 * math.log(pictures) / (epsilon**2 / 2 - epsilon**3 / 3))


def guaranteed_distortion(dimensions: int, pictures: int) -> float | None:
    """The smallest epsilon of the same theorem for a number of dimensions; None if they are too few for any below 1.

    >>> round(guaranteed_distortion(5920, 1000), 3), guaranteed_distortion(100, 1000)
    (0.1, None)
    """
    target = 4 * math.log(pictures) / dimensions
    if target >= 1 / 2 - 1 / 3:
        return None
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if middle**2 / 2 - middle**3 / 3 < target else (low, middle)
    return high


@dataclass(frozen=True, kw_only=True)
class RandomProjectionConfig(Config):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 8}

    components: int | None = Field(None, ge=1, le=65_536, description="number of dimensions (64 unless --epsilon)")
    epsilon: float | None = Field(
        None, gt=0, lt=1, description="instead: as many as preserve squared distances up to a factor of 1 +- epsilon"
    )
    entries: Literal["gaussian", "achlioptas", "sparse"] = Field(
        "gaussian",
        description="of the directions: normal; -1, 0, 1 with a share of 1/3 not 0 (achlioptas) or 1/sqrt(D) (sparse)",
    )
    seed: int = Field(0, ge=0, le=2**62, description="of the directions")

    def __post_init__(self) -> None:
        if self.components is not None and self.epsilon is not None:
            raise ValueError("components and epsilon both set the number of dimensions: give one of them")


class RandomProjection(Model):
    """Buffers: `mean` (D,); `directions` (K, D), rows of length about sqrt(D / K); `inverse` (K, D), their transposed
    pseudo-inverse; `pictures` (), the number of training pictures.

    Latents are inner products of the directions with the picture less the mean. Directions are stored densely, also
    sparse ones: a dense product is faster at these sizes.
    """

    Config = RandomProjectionConfig
    config: RandomProjectionConfig
    sums_over_ranks = True

    def __init__(self, config: RandomProjectionConfig) -> None:
        super().__init__(config)
        self._register_buffers(math.prod(config.image_shape), config.components or 1)

    def fit(self, images: Stream) -> None:
        """One pass, for the mean. Raises `ConfigError` if more dimensions than pixel values would be needed."""
        pixels = math.prod(self.config.image_shape)
        components = self._choose_dimensions(len(images), pixels)
        directions = self._sample_directions(components, pixels).double()
        inverse = _pseudo_inverse(directions)
        self._register_buffers(pixels, components)
        self.mean.copy_(mean_and_variance(images)[0])
        self.directions.copy_(directions)
        self.inverse.copy_(inverse)
        self.pictures.fill_(len(images))

    def check_images(self, images: Stream) -> None:
        self._choose_dimensions(len(images), math.prod(self.config.image_shape))

    def fit_work(self, count: int) -> FitWork:
        pixels = math.prod(self.config.image_shape)
        components = self._choose_dimensions(max(2, count), pixels)
        entries = float(components * pixels)
        # Directions in single and in double precision, those of the inverse, and the solver's copies of them.
        made = FitWork((SINGLE + 4 * DOUBLE) * entries, 2 * DOUBLE * entries, 4.0 * components * entries)
        return made.then(FitWork(2 * SINGLE * entries)).then(moments_work(count, pixels))

    def _choose_dimensions(self, pictures: int, pixels: int) -> int:
        wanted = self.config.components or min(DEFAULT_COMPONENTS, pixels)
        if self.config.epsilon is not None:
            wanted = max(1, dimensions_for(self.config.epsilon, pictures))
            if wanted > pixels:
                least = guaranteed_distortion(pixels, pictures)
                smaller = f"use --epsilon {math.ceil(least * 1000) / 1000} or more, or" if least else "use"
                raise ConfigError(
                    f"epsilon={self.config.epsilon} needs {wanted:,} dimensions for {pictures:,} pictures, more than "
                    f"their {pixels:,} pixel values: {smaller} --components N, without that guarantee."
                )
        if wanted > pixels:
            raise ConfigError(
                f"components={wanted}, but the pictures have {pixels} pixel values: use --components {pixels} or fewer."
            )
        return wanted

    def _sample_directions(self, components: int, pixels: int) -> Tensor:
        """Directions (K, D) with entries of variance 1 / K, which preserve squared lengths in expectation."""
        generator = torch.Generator().manual_seed(self.config.seed)
        if self.config.entries == "gaussian":
            return torch.randn(components, pixels, generator=generator) / math.sqrt(components)
        density = 1 / 3 if self.config.entries == "achlioptas" else 1 / math.sqrt(pixels)
        uniform = torch.rand(components, pixels, generator=generator)
        signs = (uniform >= 1 - density / 2).float() - (uniform < density / 2).float()
        return signs / math.sqrt(density * components)

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        components, pixels = state["directions"].shape
        self._register_buffers(pixels, components)

    @property
    def distortion(self) -> float | None:
        """`guaranteed_distortion` for this number of dimensions and of training pictures.

        The theorem covers Gaussian and Achlioptas's entries; for `sparse` it holds in the limit of many pixels only.
        """
        return guaranteed_distortion(len(self.directions), int(self.pictures)) if self.pictures > 1 else 0.0

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        known = {} if self.distortion is None else {"epsilon": self.distortion}
        return known | {"dimensions for epsilon 0.1": float(dimensions_for(0.1, max(int(self.pictures), 1)))}

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (len(self.directions),)

    def encode(self, images: Tensor) -> Tensor:
        return (images.flatten(1) - self.mean) @ self.directions.T

    def decode(self, latents: Tensor) -> Tensor:
        """Of all pictures with these coordinates the one nearest to the mean."""
        return (self.mean + latents @ self.inverse).unflatten(1, self.config.image_shape)

    # Parts

    mean: Tensor
    directions: Tensor
    inverse: Tensor
    pictures: Tensor

    def _register_buffers(self, pixels: int, components: int) -> None:
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("directions", torch.zeros(components, pixels))
        self.register_buffer("inverse", torch.zeros(components, pixels))
        self.register_buffer("pictures", torch.zeros((), dtype=torch.int64))


def _pseudo_inverse(directions: Tensor) -> Tensor:
    """The transposed pseudo-inverse (K, D) of directions (K, D), in double precision."""
    products = directions @ directions.T
    factor, failed = torch.linalg.cholesky_ex(products)
    pivots = factor.diagonal()
    if failed or pivots.min() < DEPENDENT * pivots.max():  # sparse directions of few pixels may be equal, or 0
        return torch.linalg.pinv(products, hermitian=True) @ directions
    return torch.cholesky_solve(directions, factor)
