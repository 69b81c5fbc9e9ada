"""VAE-GAN: a VAE whose reconstruction error is measured in a discriminator's features instead of in pixels.

Larsen, Sonderby, Larochelle & Winther 2016, arXiv:1512.09300: the objective is eq. 8, the reconstruction error eq. 7,
the three updates algorithm 1, the layers table 1. The rule by which a network skips its update is that of the authors'
code. Departures: Adam without momentum instead of RMSProp; a non-saturating adversarial loss of the decoder (Goodfellow
et al. 2014, section 3); by default the variance of a feature is the optimum of each batch (Rybkin et al. 2020,
arXiv:2006.13202, section 3.2) instead of 1, and R1 (Mescheder et al. 2018, arXiv:1801.04406) regularises the
discriminator, so that no network needs to skip updates. The paper's version has the options `penalty=0, margin=0.35,
feature_weight=1e-6, sigma=1`; with these, in trainings on small sets, the decoder did not recover from a discriminator
that was far ahead.
Shape letters: N batch, C H W image, Z code, F features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import softplus

from imagewright.configs import SizedConfig
from imagewright.layers.diff_augment import RANDOM_NUMBERS, diff_augment
from imagewright.layers.first import first_activations, first_weight
from imagewright.losses.likelihoods import gaussian_divergence, gaussian_log_likelihood
from imagewright.losses.penalties import Critic
from imagewright.model import Model
from imagewright.models.shared.adversarial import (
    AdversarialConfig,
    discriminator_terms,
    generator_terms,
    r1_terms,
    with_known_logits,
)
from imagewright.models.shared.discriminator_verbs import ScoresByDiscriminator
from imagewright.models.shared.latent_density import LatentDensity, SamplesFitted
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

HALVINGS = 3
KERNEL = 5
SMALL = 32  # pixels: with a shorter side the discriminator has norms also with R1
SMALLEST_VARIANCE = 1e-8  # of a feature, so that the loss of an exact reconstruction is finite


@dataclass(frozen=True, kw_only=True)
class VAEGANConfig(SizedConfig, AdversarialConfig):
    """The options of the VAE-GAN."""

    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 4, "width": 8}
    default_r1: ClassVar[float] = 0.5

    latent_dim: int = Field(128, ge=1, le=65_536, description="size of the latent vector")
    width: int = Field(
        64, ge=2, le=2048, description="channels after the encoder's first convolution; in the paper: 64"
    )
    feature_weight: float = Field(
        1e-3,
        ge=0,
        le=1e6,
        description="gamma: weight of the decoder's reconstruction error, relative to its adversarial loss; in the "
        "paper: 1e-6",
    )
    sigma: float = Field(
        0,
        ge=0,
        le=1e3,
        description="standard deviation of a feature given the reconstruction; 0: the optimum of each batch; in the "
        "paper: 1",
    )
    equilibrium: float = Field(
        0.68,
        gt=0,
        le=10,
        description="with a margin: the discriminator's loss, of real or of generated images, at which both networks "
        "are updated",
    )
    margin: float = Field(
        0,
        ge=0,
        le=10,
        description="the discriminator is not updated if one of its losses is below the equilibrium by more than this, "
        "the decoder not if one is above it by more; 0: both always are; in the paper: 0.35. Only with "
        "loss=non_saturating",
    )

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Narrow networks on a CPU, where those of the paper make a few steps a minute."""
        return {} if traits.accelerator else {"width": 16}

    @property
    def normalises_discriminator(self) -> bool:
        # Observed: without norms, samples of digits of 8 and 16 pixels collapsed; with norms, faces of 32 stayed noisy.
        if self.discriminator_norm == "auto" and self.has_r1_phase and min(self.size) < SMALL:
            return True
        return super().normalises_discriminator

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        return "both sides must be multiples of 8"

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        return max(8, round(height / 8) * 8), max(8, round(width / 8) * 8)

    @property
    def start(self) -> tuple[int, int]:
        """Height and width of the coarsest map."""
        return self.size[0] >> HALVINGS, self.size[1] >> HALVINGS


def build_encoder(config: VAEGANConfig) -> nn.Sequential:
    """Build the encoder: images (N, C, H, W) to means and log variances, (N, 2 Z)."""
    width, blocks = config.width, []
    for inner, outer in ((config.channels, width), (width, 2 * width), (2 * width, 4 * width)):
        blocks += [*_convolution(inner, outer, stride=2, normalised=True), nn.ReLU()]
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        nn.Linear(4 * width * math.prod(config.start), 16 * width, bias=False),
        nn.BatchNorm1d(16 * width),
        nn.ReLU(),
        nn.Linear(16 * width, 2 * config.latent_dim),
    )


def build_decoder(config: VAEGANConfig) -> nn.Sequential:
    """Build the decoder, which is the generator of the adversarial loss: (N, Z) to (N, C, H, W) in [-1, 1]."""
    width = config.width
    features = 4 * width * math.prod(config.start)
    blocks: list[nn.Module] = [
        nn.Linear(config.latent_dim, features, bias=False),
        nn.BatchNorm1d(features),
        nn.ReLU(),
        nn.Unflatten(1, (4 * width, *config.start)),
    ]
    for inner, outer in ((4 * width, 4 * width), (4 * width, 2 * width), (2 * width, width // 2)):
        blocks += [
            nn.ConvTranspose2d(inner, outer, KERNEL, stride=2, padding=2, output_padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
        ]
    return nn.Sequential(*blocks, nn.Conv2d(width // 2, config.channels, KERNEL, padding=2), nn.Tanh())


class Discriminator(nn.Module):
    """From images (N, C, H, W) to logits (N,). `features` is the output of the third strided convolution."""

    def __init__(self, config: VAEGANConfig) -> None:
        super().__init__()
        width, normalised = config.width, config.normalises_discriminator
        widths = (width // 2, 2 * width, 4 * width, 4 * width)
        layers: list[nn.Module] = [*_convolution(config.channels, widths[0], stride=1, normalised=False), nn.ReLU()]
        for inner, outer in pairwise(widths):
            layers += [*_convolution(inner, outer, stride=2, normalised=normalised), nn.ReLU()]
        last_convolution = max(place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d))
        self.body = nn.Sequential(*layers[: last_convolution + 1])
        self.head = nn.Sequential(
            *layers[last_convolution + 1 :],
            nn.Flatten(),
            nn.Linear(widths[-1] * math.prod(config.start), 8 * width, bias=not normalised),
            *([nn.BatchNorm1d(8 * width)] if normalised else []),
            nn.ReLU(),
            nn.Linear(8 * width, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.compute_logits(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Dis_l(x) of eq. 6, before the norm: (N, F, height, width)."""
        maps: Tensor = self.body(images)
        return maps

    def compute_logits(self, features: Tensor) -> Tensor:
        """Logits (N,) from the features."""
        logits: Tensor = self.head(features)[:, 0].float()
        return logits


def _convolution(inner: int, outer: int, *, stride: int, normalised: bool) -> list[nn.Module]:
    # Without norms and biases the logit of a mid-grey image (all pixels 0) would be 0 for any weights.
    layer = nn.Conv2d(inner, outer, KERNEL, stride=stride, padding=KERNEL // 2, bias=not normalised)
    return [layer, nn.BatchNorm2d(outer)] if normalised else [layer]


class VAEGAN(Model, SamplesFitted, ScoresByDiscriminator):
    """Networks: `encoder`, `decoder` and `discriminator`; the verbs use moving averages of the first two."""

    Config = VAEGANConfig
    config: VAEGANConfig
    averaged = ("encoder", "decoder")

    def __init__(self, config: VAEGANConfig) -> None:
        super().__init__(config)
        self.encoder = build_encoder(config)
        self.decoder = build_decoder(config)
        self.discriminator = Discriminator(config)
        self.density = LatentDensity(config.latent_dim)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return Recipe(
            images_seen=600_000,
            batch_size=16,
            # Without momentum, a zero gradient does not change the weights, so that an update can be skipped by it.
            optimizer=Optimizer(learning_rate=5e-4, betas=(0.0, 0.99)),
            average=Average(half_life=10_000),
        )

    # Objective

    def phases(self) -> list[Phase]:
        phases = [
            Phase("encoder", ("encoder",), self.encoder_loss),
            Phase("decoder", ("decoder",), self.decoder_loss, every=self.config.generator_interval),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
        ]
        if self.config.has_r1_phase:
            every = self.config.penalty_every
            phases.append(Phase("r1", ("discriminator",), self.r1_loss, every=every, lazy=True))
        return phases

    def encoder_loss(self, step: Step) -> Terms:
        """The first update of algorithm 1, in nats an image: the divergence from the prior, and eq. 7."""
        means, log_variances = self._posterior(step.images)
        latents = self._sample_posterior(means, log_variances, step)
        step.shared["latents"] = latents.detach()
        features = self.discriminator.features(self._augment(self.decoder(latents), step))
        return {
            "features": -self._log_likelihood(self._real_features(step), features).mean(),
            "divergence": gaussian_divergence(means, log_variances).sum(1).mean(),
        }

    def decoder_loss(self, step: Step) -> Terms:
        """The second update: gamma times eq. 7, and the adversarial loss of reconstructions and of samples."""
        rebuilt, samples = self._generate(step)
        step.shared |= {"rebuilt": rebuilt.detach(), "samples": samples.detach()}
        features = self.discriminator.features(self._augment(rebuilt, step))
        logits = self.discriminator.compute_logits(features), self.discriminator(self._augment(samples, step))
        with torch.no_grad():
            real_logits = self.discriminator.compute_logits(self._real_features(step))
        is_updated = self._decoder_is_updated(step, real_logits, torch.cat(logits).detach())
        known = (rebuilt, logits[0]), (samples, logits[1]), (step.images, real_logits)
        critic = with_known_logits(self._critic(step), *known)
        losses = [generator_terms(self.config, critic, fake, step.images) for fake in (rebuilt, samples)]
        adversarial = (losses[0]["adversarial"] + losses[1]["adversarial"]) / 2
        likelihood = self._log_likelihood(self._real_features(step), features).mean()
        return {
            "adversarial": is_updated * adversarial,
            "features": -is_updated * self.config.feature_weight * likelihood,
        }

    def discriminator_loss(self, step: Step) -> Terms:
        """The third update: real images against reconstructions and samples."""
        if "rebuilt" not in step.shared:  # the decoder's phase skips this step
            with torch.no_grad():
                rebuilt, samples = self._generate(step)
            step.shared |= {"rebuilt": rebuilt, "samples": samples}
        generated = [step.shared[name].to(step.images.dtype) for name in ("rebuilt", "samples")]
        critic = self._critic(step)
        critic = with_known_logits(critic, (step.images, critic(step.images)))
        parts = [discriminator_terms(self.config, critic, step.images, fake, step.draws) for fake in generated]
        is_updated = step.shared.get("discriminator is updated", 1.0)
        return {name: is_updated * (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}

    def r1_loss(self, step: Step) -> Terms:
        return r1_terms(self.config, self._critic(step), step.images)

    def _critic(self, step: Step) -> Critic:
        return lambda images: self.discriminator(self._augment(images, step))

    def _augment(self, images: Tensor, step: Step) -> Tensor:
        """What the discriminator sees of images: all of a step are changed by the same random numbers, row by row.

        So the features of a reconstruction are compared with those of an image that was changed in the same way.
        """
        if self.config.augmentation == "none":
            return images
        return diff_augment(images, step.once("augmentation", lambda: step.draws.uniform(RANDOM_NUMBERS)))

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        fake = self.decoder(draws.normal(self.config.latent_dim))
        return {"discriminator": (self.discriminator(rows["images"].images), self.discriminator(fake))}

    def _generate(self, step: Step) -> tuple[Tensor, Tensor]:
        """Reconstructions and samples, (N, C, H, W) each."""
        latents = step.once("latents", lambda: self._sample_posterior(*self._posterior(step.images), step))
        return self.decoder(latents), self.decoder(step.draws.normal(self.config.latent_dim).to(latents.dtype))

    def _real_features(self, step: Step) -> Tensor:
        """The discriminator's features of the real images, before its update in this step."""
        return step.once("features", lambda: self.discriminator.features(self._augment(step.images, step)))

    def _decoder_is_updated(self, step: Step, real_logits: Tensor, fake_logits: Tensor) -> Tensor | float:
        """1 if the decoder is updated, else 0, as a tensor (no host synchronisation).

        Also stores the discriminator's flag in `step.shared`. If the rule would update neither, both are updated.
        """
        config = self.config
        if not config.margin or config.loss != "non_saturating":
            return 1.0
        losses = torch.stack([softplus(-real_logits).mean(), softplus(fake_logits).mean()])
        discriminator = (losses >= config.equilibrium - config.margin).all()
        decoder = (losses <= config.equilibrium + config.margin).all()
        neither = ~(discriminator | decoder)
        step.shared["discriminator is updated"] = (discriminator | neither).float()
        return (decoder | neither).float()

    def _sample_posterior(self, means: Tensor, log_variances: Tensor, step: Step) -> Tensor:
        """Latents (N, Z) from the posterior."""
        return means + (0.5 * log_variances).exp() * step.draws.normal(self.config.latent_dim)

    def _posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log variances, (N, Z) each."""
        means, log_variances = self.encoder(images).float().chunk(2, dim=1)
        return means, log_variances.clamp(-20, 10)

    def _log_likelihood(self, features: Tensor, means: Tensor) -> Tensor:
        """Eq. 7: log N(Dis_l(x); Dis_l(x~), sigma), (N,), in nats.

        features: of the images, (N, F, height, width).
        means: the same of their reconstructions.
        """
        features, means = features.float(), means.float()
        # The optimal variance follows the scale of the features. With a fixed sigma, the discriminator could change the
        # weight of the reconstruction error by scaling its features.
        variance = (
            (features - means).square().mean() if not self.config.sigma else means.new_tensor(self.config.sigma**2)
        )
        return gaussian_log_likelihood(features, means, variance.clamp(min=SMALLEST_VARIANCE).log())

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return self.sample_fitted(count, generator)

    def encode(self, images: Tensor) -> Tensor:
        """Posterior means (N, Z)."""
        return self._posterior(images)[0]

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.decoder(latents)
        return images

    def extract_features(self, images: Tensor) -> Tensor:
        """The features in which reconstruction errors are measured, (N, F)."""
        return self.discriminator.features(images).flatten(1)

    def encode_posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self._posterior(images)

    def divergences(self, images: Tensor, *, labels: Tensor | None = None, attributes: Tensor | None = None) -> Tensor:
        return gaussian_divergence(*self._posterior(images))

    def activations(self, latents: Tensor) -> Tensor:
        return first_activations(self.decoder, latents)

    def first_weight(self) -> Tensor:
        return first_weight(self.decoder, torch.eye(self.config.latent_dim, device=self.device))
