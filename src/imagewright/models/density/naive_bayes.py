"""Naive Bayes: within a class every pixel, or latent, varies by itself; Gaussian, or pixels that are on or off.

Duda & Hart 1973 (section 2.11: binary features); Ng & Jordan 2001, "On discriminative vs. generative classifiers" (set
against logistic regression). Streamed: two passes, and no picture is held. Equal to scikit-learn's `BernoulliNB`,
and to its `GaussianNB` where pooling is 0 and the smoothing is the same.
Shape letters: N pictures, K classes, D pixels or dimensions of the points.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.capabilities import LikelihoodOf
from imagewright.configs import LabelledConfig
from imagewright.errors import DataError
from imagewright.model import Model, Stream
from imagewright.models.shared.classes import (
    ClassMoments,
    check_drawable,
    class_moments,
    drawn_classes,
    pooling_shares,
    posteriors,
)
from imagewright.models.shared.latent_space import (
    PIXELS,
    LatentConfig,
    LatentSpace,
    Sampled,
    checked_labels,
    encoder_of,
    hold,
)
from imagewright.statistics.gaussians import draws, log_densities


@dataclass(frozen=True, kw_only=True)
class NaiveBayesConfig(LabelledConfig, LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"encoder": "pca", "components": 4}

    encoder: str = Field(
        PIXELS, description="what is told apart: the pixels; pca, fitted here, for its latents; or a run that encodes"
    )
    distribution: Literal["gaussian", "bernoulli"] = Field(
        "gaussian", description="of a pixel within a class; bernoulli sees pixels as on or off"
    )
    smoothing: float = Field(
        0.03, ge=0, le=10, description="gaussian: added to every variance, as a share of the largest one of all pixels"
    )
    pooling: float | None = Field(
        None,
        ge=0,
        le=1,
        description="gaussian: how far a class's variances move to the common ones (by its pictures, if not given)",
    )
    threshold: float = Field(0.5, ge=0, lt=1, description="bernoulli: a pixel is on above this brightness, 0 to 1")
    pseudo_count: float = Field(
        1.0,
        gt=0,
        le=1000,
        description="bernoulli: pictures imagined of each class where a pixel is on, and as many off",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distribution == "bernoulli" and self.encoder != PIXELS:
            raise ValueError(
                f"distribution=bernoulli sees pixels as on or off, and encoder={self.encoder} gives latents: leave one"
                " out"
            )


class NaiveBayes(Model, Sampled):
    """Buffers, float64: `log_priors` (K,), `means` (K, D) (or chances to be on), `deviations` (K, D)."""

    Config = NaiveBayesConfig
    resize_buffers = LatentSpace.resize_buffers
    config: NaiveBayesConfig

    log_priors: Tensor
    means: Tensor
    deviations: Tensor

    def __init__(self, config: NaiveBayesConfig) -> None:
        super().__init__(config)
        self.encoder = encoder_of(config)
        empty = torch.zeros(0, dtype=torch.float64)
        hold(self, log_priors=empty, means=empty, deviations=empty)

    @property
    def score_unit(self) -> str:
        """What `score` is, which the distribution decides."""
        if self.config.distribution == "bernoulli":
            return "log-probability of the binarised pixels over all classes, nats"
        seen = "pixels" if self.config.encoder == PIXELS else "latents"
        return f"log density of the {seen} over all classes, nats"

    @property
    def likelihood_of(self) -> LikelihoodOf | None:
        """What `score` is the likelihood of."""
        if self.config.distribution == "bernoulli":
            return "cut" if self.config.threshold == 0.5 else None  # another cut makes other pictures of them
        return "density" if self.config.encoder == PIXELS else None

    def fit(self, images: Stream) -> None:
        """The encoder, if it is fitted here, then each class. Raises `DataError` where nothing varies."""
        labels = checked_labels(images, self.class_names, "Naive Bayes")
        self.fit_encoder(images)
        moments = class_moments(lambda: self._seen(images), labels, len(self.class_names), diagonal=True)
        hold(self, log_priors=moments.log_priors())
        if self.config.distribution == "bernoulli":
            ones, more = moments.means * moments.counts[:, None], self.config.pseudo_count
            chances = (ones + more) / (moments.counts[:, None] + 2 * more)
            hold(self, means=chances, deviations=(chances * (1 - chances)).sqrt())
        else:
            hold(self, means=moments.means, deviations=self._smoothed_deviations(moments))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.config.class_names

    # Verbs

    def sample_latents(self, count: int, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            labels = drawn_classes(self.log_priors, count, generator)
        check_drawable(labels, self.log_priors, self.class_names)
        if self.config.distribution == "gaussian":
            return self.as_latents(draws(self.means, self.deviations, labels, generator))
        on = torch.rand(len(labels), self.means.shape[1], generator=generator) < self.means.cpu()[labels]
        return self.as_latents(on * 2.0 - 1.0)

    def classify(self, images: Tensor) -> Tensor:
        return posteriors(self._log_joint(images))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The log density, or log-probability, of each picture whatever its class, in nats."""
        return self._log_joint(images).logsumexp(1).float()

    # Parts

    def _log_joint(self, images: Tensor) -> Tensor:
        """Log density of pictures together with the class: (N, K)."""
        points = self._as_seen(self.points_of(images))
        if self.config.distribution == "gaussian":
            return self.log_priors + log_densities(points, self.means, self.deviations)
        on, off = self.means.log(), (-self.means).log1p()
        return self.log_priors + points @ (on - off).T + off.sum(1)

    def _seen(self, images: Stream) -> Iterator[Tensor]:
        for points in self.points(images):
            yield self._as_seen(points)

    def _as_seen(self, points: Tensor) -> Tensor:
        """The points as the distribution takes them: of a Bernoulli 0 and 1."""
        if self.config.distribution == "gaussian":
            return points
        return (points > 2 * self.config.threshold - 1).double()

    def _smoothed_deviations(self, moments: ClassMoments) -> Tensor:
        """The deviations of each class (K, D); raises `DataError` where none of the points varies at all."""
        counts = moments.counts[:, None]
        total_mean = (counts * moments.means).sum(0) / counts.sum()
        between = (counts * (moments.means - total_mean).square()).sum(0)
        largest = float((moments.scatters.sum(0) + between).max() / counts.sum())
        if not largest > 0:
            raise DataError("All pictures are equal: naive Bayes finds nothing that varies in them.")
        # Where no smoothing is asked for, a pixel that never varies within a class still has a width.
        smoothing = max(self.config.smoothing, 1e-12) * largest
        common = moments.scatters.sum(0) / counts.sum()
        shares = pooling_shares(moments.counts, 1, self.config.pooling)[:, None]  # each pixel is alone: one dimension
        return ((1 - shares) * moments.scatters / counts.clamp(min=1) + shares * common + smoothing).sqrt()
