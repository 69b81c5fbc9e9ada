"""Gaussian discriminant analysis: a Gaussian for each class in the latents of an encoder, and Bayes' rule.

Fisher 1936 (one covariance for all classes: linear boundaries); Friedman 1989, "Regularized discriminant analysis"
(pooling between linear and quadratic, equations 16 to 18); Ledoit & Wolf 2004, "A well-conditioned estimator for
large-dimensional covariance matrices" (the amount of shrinkage). Fitted in two passes over the stream.
Shape letters: N pictures, K classes, D dimensions of the points.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import LabelledConfig
from imagewright.errors import ConfigError, DataError
from imagewright.fit_work import DOUBLE, FitWork
from imagewright.model import Model, Stream
from imagewright.models.shared.classes import (
    ClassMoments,
    GenerativeClassifier,
    compute_class_moments,
    pooling_shares,
)
from imagewright.models.shared.latent_space import (
    EncodesLatents,
    LatentConfig,
    LatentModel,
    register_buffers,
    require_labels,
)
from imagewright.statistics.gaussians import cholesky_factors, log_densities, sample_gaussians
from imagewright.statistics.spectra import pictures_vary


@dataclass(frozen=True, kw_only=True)
class GDAConfig(LabelledConfig, LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    boundary: Literal["linear", "quadratic"] = Field(
        "linear", description="linear: one covariance for all classes; quadratic: each class has its own"
    )
    shrinkage: float | None = Field(
        None,
        ge=0,
        le=1,
        description="weight of a multiple of the identity in each covariance (Ledoit and Wolf's estimate if not given)",
    )
    pooling: float | None = Field(
        None,
        ge=0,
        le=1,
        description="how far class covariances shrink to the common one (from the number of pictures if not given)",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pooling is not None and self.boundary == "linear":
            raise ValueError("pooling is for boundary=quadratic: a linear boundary has one covariance for all classes")


class GDA(Model, GenerativeClassifier, EncodesLatents):
    """Buffers, float64: `log_priors` (K,), `means` (K, D), Cholesky `factors` of the covariances (K or 1, D, D)."""

    Config = GDAConfig
    resize_buffers = LatentModel.resize_buffers
    config: GDAConfig
    sums_over_ranks = True
    score_unit = "log density of the latents over all classes, nats"

    means: Tensor
    factors: Tensor

    def __init__(self, config: GDAConfig) -> None:
        super().__init__(config)
        self.create_parts(config, "log_priors", "means", "factors")

    def fit(self, images: Stream) -> None:
        """Fit the encoder (unless it came from a run), then the Gaussians of the classes.

        Raises `DataError` without labels of two classes, or if the pictures of each class are all equal.
        """
        labels = require_labels(images, self.class_names, "GDA")
        self.fit_encoder(images)
        moments = compute_class_moments(
            lambda: self.stream_points(images), labels, len(self.class_names), diagonal=False
        )
        if not float(moments.scatters.diagonal(dim1=1, dim2=2).sum()) > 0:
            raise _no_covariance()
        linear = self.config.boundary == "linear"
        covariances = self._pooled(moments)[None] if linear else self._own(moments)
        register_buffers(
            self, log_priors=moments.log_priors(), means=moments.means, factors=cholesky_factors(covariances)
        )

    def check_images(self, images: Stream) -> None:
        require_labels(images, self.class_names, "GDA")
        self.check_encoder(images)
        if not pictures_vary(images):
            raise _no_covariance()

    def fit_work(self, count: int) -> FitWork | None:
        if (found := self.points_work(count, passes=2)) is None:
            return None
        dimensions = found.dimensions
        classes, square = len(self.class_names), DOUBLE * dimensions**2
        # Scatters of all classes; their sum, the shrunk covariance and the factor; or covariances of each class.
        own = 5 * square if self.config.boundary == "linear" else (4 * classes + 2) * square
        operations = 2.0 * count * dimensions**2 + classes * dimensions**3 / 3
        return found.reading(classes * square).then(FitWork(own, 0, operations))

    def log_joint(self, points: Tensor) -> Tensor:
        return self.log_priors + log_densities(points, self.means, self.factors)

    def sample_points(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        return sample_gaussians(self.means, self.factors, labels, generator)

    # Covariances

    def _pooled(self, moments: ClassMoments) -> Tensor:
        """The shrunk within-class covariance of all classes together, (D, D)."""
        total = moments.counts.sum()
        return self._shrunk(moments.scatters.sum(0)[None], total[None], moments.fourths.sum()[None])[0]

    def _own(self, moments: ClassMoments) -> Tensor:
        """The shrunk covariance of each class, pooled with the common one (`pooling_shares`), (K, D, D)."""
        own = self._shrunk(moments.scatters, moments.counts, moments.fourths)
        alone = moments.counts < 2
        if self.config.pooling == 0 and bool(alone.any()):
            name = self.class_names[int(alone.int().argmax())]
            raise ConfigError(
                f"pooling=0, but the class {name!r} has fewer than two pictures and hence no covariance of its own: "
                "leave pooling out, give it more than 0, or use --boundary linear."
            )
        shares = pooling_shares(moments.counts, moments.means.shape[1], self.config.pooling)[:, None, None]
        return (1 - shares) * own + shares * self._pooled(moments)

    def _shrunk(self, scatters: Tensor, counts: Tensor, fourths: Tensor) -> Tensor:
        """Covariances of scatters (K, D, D) and `counts` (K,), shrunk to multiples of the identity of equal trace."""
        counts = counts.clamp(min=1)
        covariances = scatters / counts[:, None, None]
        dimensions = covariances.shape[1]
        mean_variances = covariances.diagonal(dim1=1, dim2=2).mean(1)
        shares = (
            _ledoit_wolf(covariances, counts, fourths, mean_variances)
            if self.config.shrinkage is None
            else torch.full_like(counts, self.config.shrinkage)
        )[:, None, None]
        identity = torch.eye(dimensions, dtype=covariances.dtype)
        return (1 - shares) * covariances + shares * mean_variances[:, None, None] * identity


def _ledoit_wolf(covariances: Tensor, counts: Tensor, fourths: Tensor, mean_variances: Tensor) -> Tensor:
    """The shrinkage of least expected squared error, (K,) from 0 to 1 (Ledoit & Wolf 2004, lemmas 3.3 to 3.5)."""
    squares = covariances.square().sum((1, 2))
    spread = (squares - covariances.shape[1] * mean_variances.square()).clamp(min=0)
    error = ((fourths / counts - squares) / counts).clamp(min=0)
    return torch.where(spread > 0, torch.minimum(error, spread) / spread.clamp(min=1e-300), torch.ones_like(spread))


def _no_covariance() -> DataError:
    return DataError(
        "The pictures of each class are all equal, so GDA cannot estimate a covariance: give more pictures of each "
        "class."
    )
