"""Naive Bayes: pixels (or latents) are independent within a class, with Gaussian or Bernoulli distributions.

Duda & Hart 1973 (section 2.11: binary features); Ng & Jordan 2001, "On discriminative vs. generative classifiers"
(comparison with logistic regression). Fitted in two passes over the stream. Gives the results of
scikit-learn's `BernoulliNB`, and of its `GaussianNB` if pooling is 0 and the smoothing is the same.
Shape letters: N pictures, K classes, D pixel values or dimensions of the points.
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
from imagewright.fit_work import DOUBLE, FitWork
from imagewright.model import Model, Stream
from imagewright.models.shared.classes import (
    ClassMoments,
    GenerativeClassifier,
    compute_class_moments,
    pooling_shares,
)
from imagewright.models.shared.latent_space import (
    PIXELS,
    LatentConfig,
    LatentModel,
    register_buffers,
    require_labels,
)
from imagewright.statistics.gaussians import log_densities, sample_gaussians
from imagewright.statistics.spectra import pictures_vary


@dataclass(frozen=True, kw_only=True)
class NaiveBayesConfig(LabelledConfig, LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"encoder": "pca", "components": 4}

    encoder: str = Field(
        PIXELS, description="what is classified: pixels, latents of pca (fitted with the model), or latents of a run"
    )
    distribution: Literal["gaussian", "bernoulli"] = Field(
        "gaussian", description="distribution of a pixel within a class; bernoulli binarises pixels"
    )
    smoothing: float = Field(
        0.03, ge=0, le=10, description="gaussian: added to every variance, as a share of the largest variance"
    )
    pooling: float | None = Field(
        None,
        ge=0,
        le=1,
        description="gaussian: how far class variances shrink to the common ones (from the class's number of pictures "
        "if not given)",
    )
    threshold: float = Field(0.5, ge=0, lt=1, description="bernoulli: pixels above this brightness (0 to 1) are on")
    pseudo_count: float = Field(
        1.0,
        gt=0,
        le=1000,
        description="bernoulli: added, for each pixel, to the numbers of pictures of a class with the pixel on and off",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distribution == "bernoulli" and self.encoder != PIXELS:
            raise ValueError(
                f"distribution=bernoulli needs pixels, and encoder={self.encoder} gives latents: leave one of the two "
                "out"
            )


class NaiveBayes(Model, GenerativeClassifier):
    """Buffers, float64: `log_priors` (K,), `means` (K, D) (bernoulli: P(pixel on)), `deviations` (K, D)."""

    Config = NaiveBayesConfig
    resize_buffers = LatentModel.resize_buffers
    config: NaiveBayesConfig
    sums_over_ranks = True

    means: Tensor
    deviations: Tensor

    def __init__(self, config: NaiveBayesConfig) -> None:
        super().__init__(config)
        self.create_parts(config, "log_priors", "means", "deviations")

    @property
    def score_unit(self) -> str:
        """What `score` measures, which depends on the distribution."""
        if self.config.distribution == "bernoulli":
            return "log-probability of the binarised pixels over all classes, nats"
        inputs = "pixels" if self.config.encoder == PIXELS else "latents"
        return f"log density of the {inputs} over all classes, nats"

    @property
    def likelihood_of(self) -> LikelihoodOf | None:
        """Which likelihood `score` reports. None for latents, and for binarised pixels if threshold is not 0.5."""
        if self.config.distribution == "bernoulli":
            return "cut" if self.config.threshold == 0.5 else None
        return "density" if self.config.encoder == PIXELS else None

    def fit(self, images: Stream) -> None:
        """Fit the encoder (unless it came from a run), then the distribution of each class.

        Raises `DataError` without labels of two classes, or (gaussian) if all pictures are equal.
        """
        labels = require_labels(images, self.class_names, "Naive Bayes")
        self.fit_encoder(images)
        moments = compute_class_moments(
            lambda: self._stream_inputs(images), labels, len(self.class_names), diagonal=True
        )
        register_buffers(self, log_priors=moments.log_priors())
        if self.config.distribution == "bernoulli":
            ones, more = moments.means * moments.counts[:, None], self.config.pseudo_count
            probabilities = (ones + more) / (moments.counts[:, None] + 2 * more)
            register_buffers(self, means=probabilities, deviations=(probabilities * (1 - probabilities)).sqrt())
        else:
            register_buffers(self, means=moments.means, deviations=self._smoothed_deviations(moments))

    def check_images(self, images: Stream) -> None:
        require_labels(images, self.class_names, "Naive Bayes")
        self.check_encoder(images)
        if self.config.distribution == "gaussian" and not pictures_vary(images):
            raise _all_equal()

    def fit_work(self, count: int) -> FitWork | None:
        if (found := self.points_work(count, passes=2)) is None:
            return None
        dimensions = found.dimensions
        # Sums, means and scatters of all classes; deviations of a batch take what is counted for its reading.
        held = DOUBLE * (6.0 * len(self.class_names) + 4) * dimensions
        return found.reading(held).then(FitWork(0, 0, 500.0 * count * dimensions))

    # The distributions

    def log_joint(self, points: Tensor) -> Tensor:
        inputs = self._to_inputs(points)
        if self.config.distribution == "gaussian":
            return self.log_priors + log_densities(inputs, self.means, self.deviations)
        on, off = self.means.log(), (-self.means).log1p()
        return self.log_priors + inputs @ (on - off).T + off.sum(1)

    def sample_points(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        if self.config.distribution == "gaussian":
            return sample_gaussians(self.means, self.deviations, labels, generator)
        on = torch.rand(len(labels), self.means.shape[1], generator=generator) < self.means.cpu()[labels]
        return on * 2.0 - 1.0

    # Parts

    def _stream_inputs(self, images: Stream) -> Iterator[Tensor]:
        for points in self.stream_points(images):
            yield self._to_inputs(points)

    def _to_inputs(self, points: Tensor) -> Tensor:
        """Points as the distribution takes them: binarised to 0 and 1 for bernoulli, else unchanged."""
        if self.config.distribution == "gaussian":
            return points
        return (points > 2 * self.config.threshold - 1).double()

    def _smoothed_deviations(self, moments: ClassMoments) -> Tensor:
        """Pooled and smoothed standard deviations (K, D). Raises `DataError` if all points are equal."""
        counts = moments.counts[:, None]
        total_mean = (counts * moments.means).sum(0) / counts.sum()
        between = (counts * (moments.means - total_mean).square()).sum(0)
        largest = float((moments.scatters.sum(0) + between).max() / counts.sum())
        if not largest > 0:
            raise _all_equal()
        # Even without smoothing, a pixel that is constant within a class needs a positive variance.
        smoothing = max(self.config.smoothing, 1e-12) * largest
        common = moments.scatters.sum(0) / counts.sum()
        shares = pooling_shares(moments.counts, 1, self.config.pooling)[:, None]  # pixels are independent: D = 1
        return ((1 - shares) * moments.scatters / counts.clamp(min=1) + shares * common + smoothing).sqrt()


def _all_equal() -> DataError:
    return DataError("All pictures are equal, and naive Bayes needs pictures that vary.")
