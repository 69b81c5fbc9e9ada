"""VAE: an encoder that gives a distribution over codes, a decoder that gives a distribution over pictures.

Kingma & Welling 2013, arXiv:1312.6114: the bound is eq. 10, the reparameterised draw eq. 4 with one sample a picture.
beta: Higgins et al. 2017. Importance-weighted likelihood: Burda et al. 2015, arXiv:1509.00519, eq. 8.
Conditional: Kingma et al. 2014, arXiv:1406.5298, section 2.1, model M2 with all labels known: the decoder is told the
class or the attributes, and the encoder guesses them, so that a picture without labels is encoded too. Departure: the
encoder's latents are not told of them.
Learned noise level: one variance for all pixels (sigma-VAE, Rybkin et al. 2020, arXiv:2006.13202, section 3).
Shape letters: N batch, C H W image, D = C H W, Z code, Y conditions, K importance samples.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.capabilities import LikelihoodOf
from imagewright.configs import ConditionedConfig
from imagewright.layers.coders import Network, decoder, encoder, unit_interval
from imagewright.layers.conditions import ConditionalLatents, Conditions
from imagewright.layers.first import first_activations, first_weight
from imagewright.losses.likelihoods import bernoulli_log_likelihood, gaussian_divergence, gaussian_log_likelihood
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Step, Terms
from imagewright.recipe import Recipe

# Pixels are multiples of this in [-1, 1]; uniform noise of this width turns a density into a bound on the
# probability of the 8-bit picture (Theis et al. 2016, arXiv:1511.01844, section 3.1).
PIXEL_STEP = 2 / 255


@dataclass(frozen=True, kw_only=True)
class VAEConfig(ConditionedConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 4, "width": 8}

    latent_dim: int = Field(64, ge=1, le=65_536, description="numbers in the code of a picture")
    network: Network = Field("convolutional", description="convolutional, or mlp: fully connected")
    width: int = Field(
        32, ge=1, le=8192, description="channels after the first convolution, or units of a hidden layer of the mlp"
    )
    layers: int = Field(2, ge=1, le=16, description="hidden layers of the mlp, in the encoder and in the decoder")
    likelihood: Literal["gaussian", "bernoulli"] = Field(
        "gaussian", description="what the decoder gives for a pixel: gaussian around a mean, or a bernoulli's mean"
    )
    binarize: Literal["none", "dynamic", "threshold"] = Field(
        "none",
        description="with bernoulli: draw each pixel black or white anew each time (dynamic), or cut at the middle",
    )
    sigma: float = Field(
        0, ge=0, le=10, description="with gaussian: standard deviation of a pixel in [-1, 1]; 0 learns one for all"
    )
    beta: float = Field(1.0, ge=0, le=1e6, description="weight of the divergence from the prior")
    condition: Literal["none", "labels", "attributes"] = Field(
        "none",
        description="what the decoder is told of a picture besides its code: pictures can then be asked for by it",
    )


class NoiseLevel(nn.Module):
    """The log variance of a pixel: one number, learned or fixed; `level` is a tenth of it."""

    # In tenths, so that it falls from the start to the data's own in hundreds of steps and not in thousands, through
    # which the decoder would learn pictures blurred by a noise that is not there.
    SPEED = 10.0

    def __init__(self, sigma: float) -> None:
        super().__init__()
        start = torch.tensor(2 * math.log(sigma) / self.SPEED if sigma else 0.0)
        if sigma:
            self.register_buffer("level", start)
        else:
            self.level = nn.Parameter(start)

    def forward(self) -> Tensor:
        # A floor at half a grey level: a picture of one colour must not drive the density to infinity.
        return (self.SPEED * self.level).clamp(min=2 * math.log(PIXEL_STEP / 2))


class VAE(Model, ConditionalLatents):
    """Networks: `encoder` (N, C, H, W) -> (N, 2 Z + Y), means, log variances and what it takes the conditions for;
    `decoder` (N, Z + Y) -> (N, C, H, W).
    """

    Config = VAEConfig
    config: VAEConfig
    score_unit = "log-likelihood (importance-weighted bound), nats"

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        body = config.network, config.width, config.layers
        self.encoder = encoder(config.image_shape, 2 * config.latent_dim + config.conditions, *body)
        self.decoder = decoder(config.image_shape, config.latent_dim + config.conditions, *body)
        self.noise_level = NoiseLevel(config.sigma)
        if config.conditions:
            self.conditions = Conditions(config)

    @property
    def recipe(self) -> Recipe:
        return Recipe(images_seen=400_000, batch_size=64, learning_rate=1e-3)

    @property
    def likelihood_of(self) -> LikelihoodOf | None:
        """What `score` is the likelihood of; of grey pixels taken for chances there is none."""
        if self.config.likelihood == "gaussian":
            return "8-bit"
        of: dict[str, LikelihoodOf | None] = {"none": None, "threshold": "cut", "dynamic": "drawn"}
        return of[self.config.binarize]

    # Objective

    def phases(self) -> list[Phase]:
        learned = self.config.likelihood == "gaussian" and not self.config.sigma
        networks = ("encoder", "decoder", *(("noise_level",) if learned else ()))
        return [Phase("elbo", updates=networks, loss=self.negative_elbo)]

    def negative_elbo(self, step: Step) -> Terms:
        """Eq. 10 in nats a picture: minus the log-likelihood, and beta times the divergence.

        Told of conditions, also how badly the encoder guesses them (Kingma et al. 2014, eq. 9).
        """
        targets = self._targets(step.images, step.draws)
        means, log_variances, guess = self._posterior(targets)
        latents = means + (0.5 * log_variances).exp() * step.draws.normal(self.config.latent_dim)
        guessed = {}
        if self.config.conditions:
            conditions = self.conditions.of(step.labels, step.attributes)
            if self.training:
                self.conditions.remember(conditions)
            guessed["guess"] = self.conditions.classification_loss(guess, conditions)
            latents = torch.cat([latents, conditions.to(latents.dtype)], 1)
        return {
            "reconstruction": -self._log_likelihood(targets, latents).mean(),
            "divergence": self.config.beta * gaussian_divergence(means, log_variances).sum(1).mean(),
            **guessed,
        }

    def readings(self, losses: dict[str, float]) -> dict[str, float]:
        """The ELBO in nats a picture, and minus it in bits a pixel value (lower is better), where there is a bound."""
        grey_bernoulli = self.config.likelihood == "bernoulli" and self.config.binarize == "none"
        if not self.config.beta or grey_bernoulli:  # no divergence is known; no likelihood of grey pixels
            return {}
        elbo = -losses["elbo/reconstruction"] - losses["elbo/divergence"] / self.config.beta
        return {"elbo": elbo, "bits_per_dimension": -elbo / (math.prod(self.config.image_shape) * math.log(2))}

    # Verbs

    def encode(self, images: Tensor) -> Tensor:
        """Means (N, Z), and where the model is told of conditions, the likeliest of them behind: (N, Z + Y)."""
        means, _, guess = self._posterior(self._seen(images))
        return torch.cat([means, self.conditions.most_likely(guess)], 1) if self.config.conditions else means

    def divergences(self, images: Tensor, *, labels: Tensor | None = None, attributes: Tensor | None = None) -> Tensor:
        means, log_variances, _ = self._posterior(self._seen(images))
        return gaussian_divergence(means, log_variances)

    def decode(self, latents: Tensor) -> Tensor:
        """The mean picture of each latent."""
        outputs = self.decoder(latents)
        return 2 * torch.sigmoid(outputs) - 1 if self.config.likelihood == "bernoulli" else torch.tanh(outputs)

    def activations(self, latents: Tensor) -> Tensor:
        return first_activations(self.decoder, latents)

    def first_weight(self) -> Tensor:
        return first_weight(self.decoder, torch.eye(self.latent_shape[0], device=self.device))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """log p(x) from below, (N,) nats: Burda et al. 2015, eq. 8, with K = `samples`; one sample gives the ELBO.

        Of the 8-bit picture where the likelihood is gaussian, of the black-and-white one where it is bernoulli. Where
        the model is told of conditions, all of them are taken for equally likely, and summed over as the codes are.
        """
        targets = self._targets(images, Draws(generator, len(images), 0, len(images)))
        each = zip(targets, *self._posterior(targets), strict=True)
        return torch.stack([self._importance_weighted(*parts, generator, samples) for parts in each])

    def _importance_weighted(
        self,
        target: Tensor,
        mean: Tensor,
        log_variance: Tensor,
        guess: Tensor,
        generator: torch.Generator,
        samples: int,
    ) -> Tensor:
        """log of the mean of K weights p(x, z) / q(z | x) for one picture, its latents drawn in bounded chunks."""
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
                uniform = torch.rand(count, len(guess), generator=generator, device=generator.device).to(mean.device)
                conditions, of_conditions = self.conditions.sample_conditions(guess.expand(count, -1), uniform)
                latents, log_ratio = torch.cat([latents, conditions], 1), log_ratio + of_conditions
            log_likelihood = self._log_likelihood(target.expand(count, *target.shape), latents)
            weights.append((log_likelihood + log_ratio).double())
        return (torch.logsumexp(torch.cat(weights), 0) - math.log(samples)).float()

    # Parts

    def _posterior(self, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means and log variances, (N, Z) each, and the conditions' logits (N, Y)."""
        sizes = [self.config.latent_dim, self.config.latent_dim, self.config.conditions]
        means, log_variances, guess = self.encoder(seen).float().split(sizes, dim=1)
        # exp of an early, wild value would be infinite in one step; no trained posterior comes near these bounds.
        return means, log_variances.clamp(-20, 10), guess

    def _seen(self, images: Tensor) -> Tensor:
        """What the encoder is shown of images outside training: without noise."""
        if self.config.likelihood == "gaussian":
            return images
        grey = unit_interval(images)
        return (grey >= 0.5).float() if self.config.binarize == "threshold" else grey

    def _targets(self, images: Tensor, draws: Draws) -> Tensor:
        """What the likelihood explains: pixels in [0, 1] for bernoulli, dequantised ones in [-1, 1] for gaussian."""
        if self.config.likelihood == "gaussian":
            return images + PIXEL_STEP * (draws.uniform(*images.shape[1:]).to(images.device) - 0.5)
        grey = unit_interval(images)
        if self.config.binarize == "dynamic":
            return (draws.uniform(*images.shape[1:]).to(images.device) < grey).float()
        return (grey >= 0.5).float() if self.config.binarize == "threshold" else grey

    def _log_likelihood(self, targets: Tensor, latents: Tensor) -> Tensor:
        outputs = self.decoder(latents).float()
        if self.config.likelihood == "bernoulli":
            return bernoulli_log_likelihood(targets, outputs)
        # A density over [-1, 1], turned into the probability of a cell one grey level wide in every pixel value.
        cells = targets[0].numel() * math.log(PIXEL_STEP)
        return gaussian_log_likelihood(targets, torch.tanh(outputs), self.noise_level()) + cells
