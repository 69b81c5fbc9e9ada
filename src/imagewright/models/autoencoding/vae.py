"""VAE: an encoder to a distribution over latents, and a decoder to a distribution over images.

Kingma & Welling 2013, arXiv:1312.6114: the bound is eq. 10; the reparameterised sample, one for each image, is eq. 4.
beta: Higgins et al. 2017. Importance-weighted likelihood: Burda et al. 2015, arXiv:1509.00519, eq. 8.
Conditional: Kingma et al. 2014, arXiv:1406.5298, section 2.1, model M2 with all labels known. The decoder is
conditioned on the class or the attributes; the encoder predicts them, so that images without labels can be encoded.
Departure: the posterior of the latents is not conditioned on them.
Learned noise level: one variance for all pixels (sigma-VAE, Rybkin et al. 2020, arXiv:2006.13202, section 3).
Shape letters: N batch, C H W image, D = C H W, Z code, Y conditions, K importance samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.capabilities import LikelihoodOf
from imagewright.configs import ConditionedConfig
from imagewright.layers.coders import Network, build_decoder, build_encoder, unit_interval
from imagewright.layers.conditions import ConditionalLatents, Conditions
from imagewright.layers.first import first_activations, first_weight
from imagewright.losses.likelihoods import bernoulli_log_likelihood, gaussian_divergence, gaussian_log_likelihood
from imagewright.model import Model
from imagewright.models.shared.latent_density import LatentDensity, SamplesFitted
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Optimizer, Recipe

# The difference of neighbouring grey levels in [-1, 1]. Uniform noise of this width, added to images, turns a density
# into a bound on the probability of the 8-bit image (Theis et al. 2016, arXiv:1511.01844, section 3.1).
PIXEL_STEP = 2 / 255


@dataclass(frozen=True, kw_only=True)
class VAEConfig(ConditionedConfig):
    """The options of the VAE."""

    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 4, "width": 8}

    latent_dim: int = Field(64, ge=1, le=65_536, description="size of the latent vector")
    network: Network = Field("convolutional", description="convolutional, or mlp: fully connected")
    width: int = Field(
        32, ge=1, le=8192, description="channels after the first convolution, or units of a hidden layer of the mlp"
    )
    layers: int = Field(2, ge=1, le=16, description="hidden layers of the mlp, in the encoder and in the decoder")
    likelihood: Literal["gaussian", "bernoulli"] = Field(
        "gaussian", description="the decoder's distribution of a pixel value"
    )
    binarize: Literal["none", "dynamic", "threshold"] = Field(
        "none",
        description="with bernoulli: sample each pixel black or white in every step (dynamic), or cut at half",
    )
    sigma: float = Field(
        0, ge=0, le=10, description="with gaussian: standard deviation of a pixel in [-1, 1]; 0 learns one for all"
    )
    beta: float = Field(1.0, ge=0, le=1e6, description="weight of the divergence from the prior")
    condition: Literal["none", "labels", "attributes"] = Field(
        "none",
        description="what the decoder is conditioned on, and images can then be sampled by",
    )


class NoiseLevel(nn.Module):
    """The log variance of a pixel value: one number, learned or fixed.

    sigma: the fixed standard deviation; 0: learned, from 1.

    level: a tenth of the log variance: a parameter if it is learned, else a buffer.
    """

    # With the factor, Adam reaches the noise level of the data in hundreds of steps instead of thousands, during which
    # the decoder would learn images that are too blurred.
    SPEED = 10.0

    def __init__(self, sigma: float) -> None:
        super().__init__()
        start = torch.tensor(2 * math.log(sigma) / self.SPEED if sigma else 0.0)
        if sigma:
            self.register_buffer("level", start)
        else:
            self.level = nn.Parameter(start)

    def forward(self) -> Tensor:
        # At least half a grey level, since the density of images of a single colour would become infinite.
        return (self.SPEED * self.level).clamp(min=2 * math.log(PIXEL_STEP / 2))


class VAE(Model, SamplesFitted, ConditionalLatents):
    """The networks are:

    encoder: from (N, C, H, W) to (N, 2 Z + Y): means, log variances and logits of the conditions.
    decoder: from (N, Z + Y) to (N, C, H, W).
    """

    Config = VAEConfig
    config: VAEConfig
    score_unit = "log-likelihood (importance-weighted bound), nats"

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        body = config.network, config.width, config.layers
        self.encoder = build_encoder(config.image_shape, 2 * config.latent_dim + config.conditions, *body)
        self.decoder = build_decoder(config.image_shape, config.latent_dim + config.conditions, *body)
        self.noise_level = NoiseLevel(config.sigma)
        if config.conditions:
            self.conditions = Conditions(config)
        self.density = LatentDensity(config.latent_dim)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return Recipe(images_seen=400_000, batch_size=64, optimizer=Optimizer(learning_rate=1e-3))

    @property
    def likelihood_of(self) -> LikelihoodOf | None:
        """Which likelihood `score` reports.

        None for a bernoulli likelihood with binarize=none, where grey values are used as probabilities and no
        likelihood exists.
        """
        if self.config.likelihood == "gaussian":
            return "8-bit"
        by_binarization: dict[str, LikelihoodOf | None] = {"none": None, "threshold": "cut", "dynamic": "drawn"}
        return by_binarization[self.config.binarize]

    # Objective

    def phases(self) -> list[Phase]:
        learned = self.config.likelihood == "gaussian" and not self.config.sigma
        networks = ("encoder", "decoder", *(("noise_level",) if learned else ()))
        return [Phase("elbo", updates=networks, loss=self.negative_elbo)]

    def negative_elbo(self, step: Step) -> Terms:
        """The negative of eq. 10, in nats an image: minus the log-likelihood, and beta times the divergence.

        A conditional model adds the encoder's classification loss (Kingma et al. 2014, eq. 9).
        """
        targets = self._targets(step.images, step.draws)
        means, log_variances, predicted = self._posterior(targets)
        latents = means + (0.5 * log_variances).exp() * step.draws.normal(self.config.latent_dim)
        classification = {}
        if self.config.conditions:
            conditions = self.conditions.to_vectors(step.labels, step.attributes)
            if self.training:
                self.conditions.remember(step.gather(conditions)[0])
            classification["classification"] = self.conditions.classification_loss(predicted, conditions)
            latents = torch.cat([latents, conditions.to(latents.dtype)], 1)
        return {
            "reconstruction": -self._log_likelihood(targets, latents).mean(),
            "divergence": self.config.beta * gaussian_divergence(means, log_variances).sum(1).mean(),
            **classification,
        }

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        """The ELBO in nats an image, and minus the ELBO in bits a pixel value (lower is better).

        Neither for beta = 0, where the divergence is unknown, nor if no likelihood exists (`likelihood_of`).
        """
        if not self.config.beta or self.likelihood_of is None:
            return {}
        elbo = -losses["elbo/reconstruction"] - losses["elbo/divergence"] / self.config.beta
        return {"elbo": elbo, "bits_per_dimension": -elbo / (math.prod(self.config.image_shape) * math.log(2))}

    # Verbs

    def sample_latents(
        self,
        count: int,
        generator: torch.Generator,
        labels: Tensor | None = None,
        attributes: Tensor | None = None,
    ) -> Tensor:
        """Latents (count, Z + Y) of the fitted density, or of the prior: see `ConditionalLatents.sample_latents`."""
        given = {"labels": labels, "attributes": attributes}
        return self.sample_fitted(count, generator, **{name: each for name, each in given.items() if each is not None})

    def prior_latents(self, count: int, generator: torch.Generator, **given: Tensor) -> Tensor:
        return ConditionalLatents.sample_latents(self, count, generator, **given)

    def prior_in_turn(self, generators: Iterable[torch.Generator], **given: Tensor) -> Tensor:
        if not self.config.conditions:
            return super().prior_in_turn(generators)
        return torch.cat([self.prior_latents(1, each, **given) for each in generators])

    def encode(self, images: Tensor) -> Tensor:
        """Posterior means (N, Z); for a conditional model, means and most likely conditions, (N, Z + Y)."""
        means, _, predicted = self._posterior(self._encoder_inputs(images))
        return torch.cat([means, self.conditions.most_likely(predicted)], 1) if self.config.conditions else means

    def encode_posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        means, log_variances, _ = self._posterior(self._encoder_inputs(images))
        return means, log_variances

    def condition_vectors(self, rows: Rows) -> Tensor | None:
        return self.conditions.to_vectors(rows.labels, rows.attributes) if self.config.conditions else None

    def divergences(self, images: Tensor, *, labels: Tensor | None = None, attributes: Tensor | None = None) -> Tensor:
        return gaussian_divergence(*self.encode_posterior(images))

    def decode(self, latents: Tensor) -> Tensor:
        """The mean image of each latent's distribution."""
        outputs = self.decoder(latents)
        return 2 * torch.sigmoid(outputs) - 1 if self.config.likelihood == "bernoulli" else torch.tanh(outputs)

    def activations(self, latents: Tensor) -> Tensor:
        return first_activations(self.decoder, latents)

    def first_weight(self) -> Tensor:
        return first_weight(self.decoder, torch.eye(self.latent_shape[0], device=self.device))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """A lower bound of log p(x), (N,), in nats: Burda et al. 2015, eq. 8. One sample gives the ELBO.

        x is the 8-bit image for a gaussian likelihood, and the black-and-white image for a bernoulli one. For a
        conditional model all conditions are equally likely, and are sampled as the latents are.

        images: (N, C, H, W) in [-1, 1].
        generator: of the samples.
        samples: K.
        """
        targets = self._targets(images, Draws(generator, len(images), 0, len(images)))
        each = zip(targets, *self._posterior(targets), strict=True)
        return torch.stack([self._importance_weighted(*parts, generator, samples) for parts in each])

    def _importance_weighted(
        self,
        target: Tensor,
        mean: Tensor,
        log_variance: Tensor,
        predicted: Tensor,
        generator: torch.Generator,
        samples: int,
    ) -> Tensor:
        """The log of the mean of K weights p(x, z) / q(z | x) for one image.

        Latents are sampled in chunks, so that memory does not grow with K.

        target: of the likelihood, (C, H, W).
        mean, log_variance: of the posterior, (Z,) each.
        predicted: logits of the conditions, (Y,).
        generator: of the samples.
        samples: K.
        """
        chunk = max(1, 2**22 // target.numel())
        weights = []
        for start in range(0, samples, chunk):
            count = min(chunk, samples - start)
            noise = torch.randn(count, len(mean), generator=generator, device=generator.device).to(mean.device)
            latents = mean + (0.5 * log_variance).exp() * noise
            log_prior = gaussian_log_likelihood(latents, torch.zeros_like(latents), torch.zeros_like(latents))
            log_posterior = gaussian_log_likelihood(latents, mean, log_variance)
            log_ratio = log_prior - log_posterior
            if self.config.conditions:
                uniform = torch.rand(count, len(predicted), generator=generator, device=generator.device).to(
                    mean.device
                )
                conditions, log_weights = self.conditions.sample_conditions(predicted.expand(count, -1), uniform)
                latents, log_ratio = torch.cat([latents, conditions], 1), log_ratio + log_weights
            log_likelihood = self._log_likelihood(target.expand(count, *target.shape), latents)
            weights.append((log_likelihood + log_ratio).double())
        return (torch.logsumexp(torch.cat(weights), 0) - math.log(samples)).float()

    # Distributions

    def _posterior(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means and log variances, (N, Z) each, and logits of the conditions (N, Y), of the encoder's inputs."""
        sizes = [self.config.latent_dim, self.config.latent_dim, self.config.conditions]
        means, log_variances, predicted = self.encoder(inputs).float().split(sizes, dim=1)
        # Early in training exp could overflow. The posteriors of trained models are far from these bounds.
        return means, log_variances.clamp(-20, 10), predicted

    def _encoder_inputs(self, images: Tensor) -> Tensor:
        """The encoder's inputs outside training, without random numbers."""
        if self.config.likelihood == "gaussian":
            return images
        grey = unit_interval(images)
        return (grey >= 0.5).float() if self.config.binarize == "threshold" else grey

    def _targets(self, images: Tensor, draws: Draws) -> Tensor:
        """The values whose likelihood is computed: pixels in [0, 1] for bernoulli, dequantised ones for gaussian."""
        if self.config.likelihood == "gaussian":
            return images + PIXEL_STEP * (draws.uniform(*images.shape[1:]).to(images.device) - 0.5)
        grey = unit_interval(images)
        if self.config.binarize == "dynamic":
            return (draws.uniform(*images.shape[1:]).to(images.device) < grey).float()
        return (grey >= 0.5).float() if self.config.binarize == "threshold" else grey

    def _log_likelihood(self, targets: Tensor, latents: Tensor) -> Tensor:
        """log p(targets | latents), (N,), in nats."""
        outputs = self.decoder(latents).float()
        if self.config.likelihood == "bernoulli":
            return bernoulli_log_likelihood(targets, outputs)
        # From a density over [-1, 1] to the probability of a cell that is one grey level wide in every pixel value.
        cells = targets[0].numel() * math.log(PIXEL_STEP)
        return gaussian_log_likelihood(targets, torch.tanh(outputs), self.noise_level()) + cells
