"""InfoGAN: a generator with interpretable codes among its inputs, learned without labels.

Chen et al. 2016, arXiv:1606.03657: the bound on the mutual information is eq. 5, the objective eq. 6. A recognition
network Q shares the discriminator's body (section 6) and predicts the codes from generated images. The networks are
those of appendix C.1 for MNIST, with more halvings above 32 pixels. A continuous code has unit variance under Q, as in
the authors' code for MNIST.
Departures: the noise is normal by default (`noise_distribution`), where the authors' code has uniform noise; both
networks get the same generated images in a step.
Shape letters: N batch, Z noise, K values of the category, C continuous codes, F features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from imagewright.capabilities import LatentPart
from imagewright.configs import SizedConfig
from imagewright.layers.first import first_activations, first_weight
from imagewright.losses.likelihoods import LOG_TWO_PI, gaussian_log_likelihood
from imagewright.losses.penalties import Critic
from imagewright.model import Model
from imagewright.models.shared.adversarial import (
    SMALL,
    AdversarialConfig,
    augmented,
    build_phases,
    discriminator_terms,
    few_images,
    generator_terms,
    r1_terms,
    with_known_logits,
)
from imagewright.models.shared.discriminator_verbs import ScoresByDiscriminator
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

HIDDEN = 128  # units of the recognition network, as in the paper's tables
COARSEST = 8  # pixels: the shorter side of the coarsest map has at most this many
SLOPE = 0.1  # of leaky ReLU
Distribution = Literal["uniform", "normal"]
ENTROPY = {"uniform": math.log(2), "normal": 0.5 * math.log(2 * math.pi * math.e)}  # nats a continuous code


@dataclass(frozen=True, kw_only=True)
class InfoGANConfig(SizedConfig, AdversarialConfig):
    """The options of InfoGAN."""

    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 8, "width": 8, "categories": 3}

    width: int = Field(
        64,
        ge=1,
        le=2048,
        description="channels at the finest map, doubled at each halving; fully connected layers have 16 times as many",
    )
    latent_dim: int = Field(62, ge=1, le=65_536, description="size of the noise vector, beside the codes")
    noise_distribution: Distribution = Field("normal", description="of the noise: normal, or uniform from -1 to 1")
    categories: int = Field(10, ge=2, le=10_000, description="values of the category code")
    continuous: int = Field(2, ge=0, le=1_000, description="continuous codes")
    code_distribution: Distribution = Field(
        "uniform", description="of a continuous code: uniform from -1 to 1, or normal"
    )
    category_weight: float = Field(1.0, gt=0, le=1e3, description="lambda of the category's information")
    continuous_weight: float = Field(1.0, ge=0, le=1e3, description="lambda of the continuous codes' information")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Narrow networks on a CPU. R1 only for photographs: with it the category of digits found
        slants and strokes instead of digits (docs/measurements.md); without it samples of faces stayed noise.
        """
        options: dict[str, Any] = {}
        if traits.images < few_images(traits):
            options["augmentation"] = "diffaugment"
        if traits.accelerator or min(traits.height, traits.width) > SMALL:
            return options
        options["width"] = 32
        if traits.channels > 1 and not traits.given.keys() & {"loss", "penalty"}:
            options |= {"penalty": 0.5, "batch_size": 16}
        return options

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        halvings = count_halvings(size)
        return f"both sides must be multiples of {2**halvings}, since they are halved {halvings} times"

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        multiple = 2 ** count_halvings((height, width))
        return max(multiple, round(height / multiple) * multiple), max(multiple, round(width / multiple) * multiple)

    @property
    def widths(self) -> list[int]:
        """Channels of the maps between the image and the fully connected layer, finest first."""
        return [self.width * 2**level for level in range(count_halvings(self.size))]

    @property
    def start(self) -> tuple[int, int]:
        """Height and width of the coarsest map."""
        return self.size[0] >> len(self.widths), self.size[1] >> len(self.widths)

    @property
    def inputs(self) -> int:
        """The length of a latent: noise and codes."""
        return self.latent_dim + self.categories + self.continuous


def count_halvings(size: tuple[int, int]) -> int:
    """The number of halvings of the maps: two, as for MNIST, or more until the shorter side is at most 8."""
    return max(2, math.ceil(math.log2(min(size) / COARSEST)))


def build_generator(config: InfoGANConfig) -> nn.Sequential:
    """Build the generator: latents (N, Z + K + C) to images (N, channels, height, width) in [-1, 1]."""
    units, widths = 16 * config.width, config.widths[::-1]
    maps = widths[0] * math.prod(config.start)
    blocks: list[nn.Module] = [
        nn.Linear(config.inputs, units, bias=False),
        nn.BatchNorm1d(units),
        nn.ReLU(),
        nn.Linear(units, maps, bias=False),
        nn.BatchNorm1d(maps),
        nn.ReLU(),
        nn.Unflatten(1, (widths[0], *config.start)),
    ]
    for inner, outer in pairwise(widths):
        blocks += [
            nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
        ]
    network = nn.Sequential(*blocks, nn.ConvTranspose2d(widths[-1], config.channels, 4, stride=2, padding=1), nn.Tanh())
    return network.apply(_initialise_as_published)


def build_body(config: InfoGANConfig) -> nn.Sequential:
    """Build the body that the discriminator and Q share: images (N, channels, height, width) to features (N, F)."""
    normalised, units = config.normalises_discriminator, 16 * config.width
    blocks: list[nn.Module] = [
        nn.Conv2d(config.channels, config.width, 4, stride=2, padding=1),
        nn.LeakyReLU(SLOPE),
    ]
    for inner, outer in pairwise(config.widths):
        blocks += [
            nn.Conv2d(inner, outer, 4, stride=2, padding=1, bias=not normalised),
            *([nn.BatchNorm2d(outer)] if normalised else []),
            nn.LeakyReLU(SLOPE),
        ]
    network = nn.Sequential(
        *blocks,
        nn.Flatten(),
        nn.Linear(config.widths[-1] * math.prod(config.start), units, bias=not normalised),
        *([nn.BatchNorm1d(units)] if normalised else []),
        nn.LeakyReLU(SLOPE),
    )
    return network.apply(_initialise_as_published) if normalised else network


def _initialise_as_published(module: nn.Module) -> None:
    """The initial weights of the authors' code: N(0, 0.02), and N(1, 0.02) for the scales of norms.

    Departure: fully connected layers have PyTorch's, since with 0.02 the signal of a narrow generator would vanish.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


class RecognisingDiscriminator(nn.Module):
    """The discriminator and Q on one body: from images (N, channels, height, width) to logits (N,).

    `predict_codes` is Q.
    """

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__()
        self.body = build_body(config)
        units, self.sizes = 16 * config.width, [config.categories, config.continuous]
        self.realness = nn.Linear(units, 1)
        self.recognition = nn.Sequential(
            nn.Linear(units, HIDDEN),
            nn.BatchNorm1d(HIDDEN) if config.normalises_discriminator else nn.Identity(),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, sum(self.sizes)),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.compute_logits(self.body(images))

    def compute_logits(self, features: Tensor) -> Tensor:
        """Logits (N,) from the body's features (N, F)."""
        # In fp32, because losses take exponentials and logarithms of logits.
        logits: Tensor = self.realness(features)[:, 0].float()
        return logits

    def predict_codes(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the category (N, K) and means of the continuous codes (N, C), from the body's features (N, F)."""
        outputs = self.recognition(features).float()
        category, means = outputs.split(self.sizes, dim=1)
        return category, means


class InfoGAN(Model, ScoresByDiscriminator):
    """Networks: `generator` and `discriminator` (with Q); the verbs use the generator's moving average.

    A latent is noise (Z), then the one-hot category (K), then the continuous codes (C).
    """

    Config = InfoGANConfig
    config: InfoGANConfig
    averaged = ("generator",)

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__(config)
        self.generator = build_generator(config)
        self.discriminator = RecognisingDiscriminator(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        betas = self.config.betas
        return Recipe(
            images_seen=640_000,
            batch_size=128,
            optimizer=Optimizer(learning_rate=1e-3, betas=betas),
            # The authors' learning rate of discriminator and Q: a fifth of the generator's.
            optimizers={"discriminator": Optimizer(learning_rate=2e-4, betas=betas)},
            average=Average(half_life=10_000),
        )

    # Objective

    def phases(self) -> list[Phase]:
        return build_phases(self.config, self.generator_loss, self.discriminator_loss, self.r1_loss)

    def generator_loss(self, step: Step) -> Terms:
        latents = self._sample_training_latents(step.draws)
        fake = self.generator(latents)
        step.shared |= {"fake": fake.detach(), "latents": latents}
        critic, features = self._critic(fake, step)
        return generator_terms(self.config, critic, fake, step.images) | self._information_loss(features, latents)

    def discriminator_loss(self, step: Step) -> Terms:
        """The adversarial loss, and the loss of Q on the same generated images."""
        # Computed by the generator's phase, unless that skips this step.
        latents = step.once("latents", lambda: self._sample_training_latents(step.draws))
        fake = step.once("fake", lambda: self.generator(latents)).to(step.images.dtype)
        critic, features = self._critic(fake, step)
        terms = discriminator_terms(self.config, critic, step.images, fake, step.draws)
        return terms | self._information_loss(features, latents)

    def r1_loss(self, step: Step) -> Terms:
        return r1_terms(self.config, augmented(self.config, self.discriminator, step.draws), step.images)

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        fake = self.generator(self._sample_training_latents(draws))
        return {"discriminator": (self.discriminator(rows["images"].images), self.discriminator(fake))}

    def _critic(self, fake: Tensor, step: Step) -> tuple[Critic, Tensor]:
        """The discriminator with known logits of `fake`, and the features (N, F) of `fake`, which Q needs as well."""
        body = augmented(self.config, self.discriminator.body, step.draws)
        features = step.reuse("features of fake", lambda: body(fake))
        critic = augmented(self.config, self.discriminator, step.draws)
        return with_known_logits(critic, (fake, self.discriminator.compute_logits(features))), features

    def _sample_training_latents(self, draws: Draws) -> Tensor:
        """Latents (N, Z + K + C) by the random numbers of a step."""
        config = self.config
        uniform = config.noise_distribution == "uniform"
        noise = 2 * draws.uniform(config.latent_dim) - 1 if uniform else draws.normal(config.latent_dim)
        category = (draws.uniform(1)[:, 0] * config.categories).long().clamp(max=config.categories - 1)
        normal = config.code_distribution == "normal"
        codes = draws.normal(config.continuous) if normal else 2 * draws.uniform(config.continuous) - 1
        return torch.cat([noise, one_hot(category, config.categories).to(noise.dtype), codes], 1)

    def _information_loss(self, features: Tensor, latents: Tensor) -> Terms:
        """Weighted -E[log Q(c | x)] in nats: eq. 5 without the entropy of the codes, which is constant.

        features: (N, F) of the images generated from the latents.
        latents: (N, Z + K + C).
        """
        config = self.config
        category, means = self.discriminator.predict_codes(features)
        true_category = latents[:, config.latent_dim : config.latent_dim + config.categories].argmax(1)
        terms = {"category": config.category_weight * cross_entropy(category, true_category)}
        if config.continuous and config.continuous_weight:
            codes = latents[:, config.latent_dim + config.categories :]
            log_likelihoods = gaussian_log_likelihood(codes, means, torch.zeros_like(means))
            terms["continuous"] = -config.continuous_weight * log_likelihoods.mean()
        return terms

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        """The bounds on the mutual information between codes and images, in nats (eq. 5).

        For the continuous codes, the variance of Q is its mean squared error, the constant that maximises the bound.
        """
        config, found = self.config, {}
        if "generator/category" in losses:
            found["information/category"] = (
                math.log(config.categories) - losses["generator/category"] / config.category_weight
            )
        if "generator/continuous" in losses:
            entropy = config.continuous * ENTROPY[config.code_distribution]
            loss = losses["generator/continuous"] / config.continuous_weight  # squared error / 2 + a constant
            squared = 2 * loss / config.continuous - LOG_TWO_PI
            found["information/continuous"] = entropy - 0.5 * config.continuous * (math.log(squared) + LOG_TWO_PI + 1)
        return found

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.inputs,)

    @property
    def latent_parts(self) -> tuple[LatentPart, ...]:
        """The noise, the category c1, and the continuous codes c2, c3 ... (the paper's names)."""
        config = self.config
        codes = config.latent_dim + config.categories
        return (
            LatentPart("noise", config.noise_distribution, 0, config.latent_dim),
            LatentPart("c1", "category", config.latent_dim, codes, code=True),
            *(
                LatentPart(f"c{number + 2}", config.code_distribution, codes + number, codes + number + 1, code=True)
                for number in range(config.continuous)
            ),
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The values of the category code: "0", "1" ..."""
        return tuple(str(value) for value in range(self.config.categories))

    def sample_latents(self, count: int, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        """(count, Z + K + C), of the categories `labels`, int64 (count,); uniform over the categories by default."""
        config = self.config
        if labels is None:
            labels = torch.randint(config.categories, (count,), generator=generator)

        def sample(distribution: Distribution, numbers: int) -> Tensor:
            if distribution == "normal":
                return torch.randn(count, numbers, generator=generator)
            return 2 * torch.rand(count, numbers, generator=generator) - 1

        noise = sample(config.noise_distribution, config.latent_dim)
        codes = sample(config.code_distribution, config.continuous)
        return torch.cat([noise, one_hot(labels, config.categories).float(), codes], 1)

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(latents)
        return images

    def activations(self, latents: Tensor) -> Tensor:
        return first_activations(self.generator, latents)

    def first_weight(self) -> Tensor:
        return first_weight(self.generator, torch.eye(self.config.inputs, device=self.device))

    def classify(self, images: Tensor) -> Tensor:
        """Log-probabilities of the category code's values under Q, (N, K)."""
        logits, _ = self.discriminator.predict_codes(self.discriminator.body(images))
        return logits.log_softmax(1)

    def extract_features(self, images: Tensor) -> Tensor:
        """The features that the discriminator and Q share, (N, F)."""
        features: Tensor = self.discriminator.body(images)
        return features
