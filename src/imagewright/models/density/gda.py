"""Gaussian discriminant analysis: a Gaussian for each class in the latents of an encoder, and Bayes' rule.

Fisher 1936 (one covariance for all classes: linear boundaries); Friedman 1989, "Regularized discriminant analysis" (the
way between linear and quadratic, equations 16 to 18); Ledoit & Wolf 2004, "A well-conditioned estimator for
large-dimensional covariance matrices" (how much to shrink). Streamed: two passes, and no picture is held.
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
from imagewright.model import Model, Stream
from imagewright.models.shared.classes import (
    ClassMoments,
    check_drawable,
    class_moments,
    drawn_classes,
    pooling_shares,
    posteriors,
)
from imagewright.models.shared.latent_space import Encoded, LatentConfig, LatentSpace, checked_labels, encoder_of, hold
from imagewright.statistics.gaussians import draws, factors_of, log_densities


@dataclass(frozen=True, kw_only=True)
class GDAConfig(LabelledConfig, LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    boundary: Literal["linear", "quadratic"] = Field(
        "linear", description="linear: one covariance for all classes; quadratic: each class has its own"
    )
    shrinkage: float | None = Field(
        None, ge=0, le=1, description="how far a covariance moves to a round one (as Ledoit and Wolf say, if not given)"
    )
    pooling: float | None = Field(
        None,
        ge=0,
        le=1,
        description="how far a class's own covariance moves to the common one (by its pictures, if not given)",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pooling is not None and self.boundary == "linear":
            raise ValueError("pooling is for boundary=quadratic: with a linear boundary all of it is pooled")


class GDA(Model, Encoded):
    """Buffers, float64: `log_priors` (K,), `means` (K, D), `factors` (K or 1, D, D), Cholesky's of the covariances."""

    Config = GDAConfig
    resize_buffers = LatentSpace.resize_buffers
    config: GDAConfig
    score_unit = "log density of the latents over all classes, nats"

    log_priors: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, config: GDAConfig) -> None:
        super().__init__(config)
        self.encoder = encoder_of(config)
        empty = torch.zeros(0, dtype=torch.float64)
        hold(self, log_priors=empty, means=empty, factors=empty)

    def fit(self, images: Stream) -> None:
        """The encoder, if it is fitted here, then each class's Gaussian. Raises `DataError` where nothing varies."""
        labels = checked_labels(images, self.class_names, "GDA")
        self.fit_encoder(images)
        moments = class_moments(lambda: self.points(images), labels, len(self.class_names), diagonal=False)
        if not float(moments.scatters.diagonal(dim1=1, dim2=2).sum()) > 0:
            raise DataError(
                "The pictures of each class are all equal: GDA has no covariance to learn from them. Give it more "
                "pictures a class."
            )
        linear = self.config.boundary == "linear"
        covariances = self._pooled(moments)[None] if linear else self._own(moments)
        hold(self, log_priors=moments.log_priors(), means=moments.means, factors=factors_of(covariances))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.config.class_names

    # Verbs

    def sample_latents(self, count: int, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            labels = drawn_classes(self.log_priors, count, generator)
        check_drawable(labels, self.log_priors, self.class_names)
        return self.as_latents(draws(self.means, self.factors, labels, generator))

    def classify(self, images: Tensor) -> Tensor:
        return posteriors(self.log_joint(self.points_of(images)))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The log density of each picture's latent, whatever its class, in nats."""
        return self.log_joint(self.points_of(images)).logsumexp(1).float()

    def log_joint(self, points: Tensor) -> Tensor:
        """Log density of points (N, D) together with the class: (N, K)."""
        return self.log_priors + log_densities(points, self.means, self.factors)

    # Covariances

    def _pooled(self, moments: ClassMoments) -> Tensor:
        """The covariance within the classes, (D, D), shrunk."""
        total = moments.counts.sum()
        return self._shrunk(moments.scatters.sum(0)[None], total[None], moments.fourths.sum()[None])[0]

    def _own(self, moments: ClassMoments) -> Tensor:
        """Each class's covariance, (K, D, D), shrunk, and pooled as far as the class has too few pictures."""
        own = self._shrunk(moments.scatters, moments.counts, moments.fourths)
        alone = moments.counts < 2
        if self.config.pooling == 0 and bool(alone.any()):
            name = self.class_names[int(alone.int().argmax())]
            raise ConfigError(
                f"pooling=0, but the class {name!r} has fewer than two pictures, and so no covariance of its own: "
                "leave pooling out, give it more than 0, or use boundary=linear."
            )
        shares = pooling_shares(moments.counts, moments.means.shape[1], self.config.pooling)[:, None, None]
        return (1 - shares) * own + shares * self._pooled(moments)

    def _shrunk(self, scatters: Tensor, counts: Tensor, fourths: Tensor) -> Tensor:
        """Covariances of scatters (K, D, D) over `counts` (K,), moved towards round ones of the same mean variance."""
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
    """The shrinkage of least expected squared error for covariances (K, D, D): (K,) in 0 to 1 (lemma 3.3 to 3.5)."""
    squares = covariances.square().sum((1, 2))
    spread = (squares - covariances.shape[1] * mean_variances.square()).clamp(min=0)
    error = ((fourths / counts - squares) / counts).clamp(min=0)
    return torch.where(spread > 0, torch.minimum(error, spread) / spread.clamp(min=1e-300), torch.ones_like(spread))
