"""InfoGAN: a generator some of whose inputs mean something, found without labels.

Chen et al. 2016, arXiv:1606.03657: the bound on the mutual information is eq. 5, the objective eq. 6; a recognition
network Q shares the discriminator's body (section 6) and reads the codes off the generated pictures. Here on the body
of DCGAN. A continuous code has unit variance under Q, as in the authors' code for MNIST: where the variance is learned,
it falls without end, and the generator buys information with a grey ground whose level is the code.
Shape letters: N batch, Z noise, K values of the category, C continuous codes, F features.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from imagewright.capabilities import LatentPart
from imagewright.layers.dcgan import DCGANShape, Discriminator, Generator
from imagewright.losses.games import GameConfig, discriminator_terms, generator_terms, phases_of, r1_terms, recipe_of
from imagewright.losses.likelihoods import LOG_TWO_PI, gaussian_log_likelihood
from imagewright.phases import Model, Phase, Recipe, Step, Terms

HIDDEN = 128  # units of the recognition network, as in the paper's tables
ENTROPY = {"uniform": math.log(2), "normal": 0.5 * math.log(2 * math.pi * math.e)}  # nats a continuous code


@dataclass(frozen=True, kw_only=True)
class InfoGANConfig(GameConfig, DCGANShape):
    smallest: ClassVar[dict[str, Any]] = {"latent_dim": 8, "width": 8, "categories": 3}

    latent_dim: int = Field(62, ge=1, le=65_536, description="numbers of noise, which mean nothing by themselves")
    categories: int = Field(10, ge=2, le=10_000, description="values of the category code")
    continuous: int = Field(2, ge=0, le=1_000, description="continuous codes")
    code_distribution: Literal["uniform", "normal"] = Field(
        "uniform", description="of a continuous code: uniform from -1 to 1, or normal"
    )
    category_weight: float = Field(1.0, gt=0, le=1e3, description="lambda of the category's information")
    continuous_weight: float = Field(1.0, ge=0, le=1e3, description="lambda of the continuous codes' information")

    @property
    def inputs(self) -> int:
        """Noise and codes together."""
        return self.latent_dim + self.categories + self.continuous


class Recogniser(nn.Module):
    """The discriminator and Q on one body: logits (N,); of the codes, what `read` says."""

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__()
        self.body = Discriminator(config, normalised=config.normalises_discriminator)
        self.sizes = [config.categories, config.continuous]
        self.recognition = nn.Sequential(
            nn.Linear(config.widths[-1] * math.prod(config.start), HIDDEN),
            nn.LeakyReLU(0.1),
            nn.Linear(HIDDEN, sum(self.sizes)),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.body(images)
        return logits

    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the category (N, K), and means of the continuous codes (N, C)."""
        outputs = self.recognition(self.body.features(images).flatten(1)).float()
        category, means = outputs.split(self.sizes, dim=1)
        return category, means


class InfoGAN(Model):
    """Networks: `generator` and `discriminator` (with Q); the verbs use the generator's moving average.

    A latent is noise (Z), the category as a one in its place (K), and the continuous codes (C).
    """

    Config = InfoGANConfig
    config: InfoGANConfig
    averaged = ("generator",)
    score_unit = "discriminator's logit"

    def __init__(self, config: InfoGANConfig) -> None:
        super().__init__(config)
        self.generator = Generator(config, config.inputs)
        self.discriminator = Recogniser(config)

    @property
    def recipe(self) -> Recipe:
        return recipe_of(self.config)

    # Objective

    def phases(self) -> list[Phase]:
        return phases_of(self.config, self.generator_loss, self.discriminator_loss, self.r1_loss)

    def generator_loss(self, step: Step) -> Terms:
        latents = self._latents(step)
        fake = self.generator(latents)
        step.shared |= {"fake": fake.detach(), "latents": latents}
        return generator_terms(self.config, self.discriminator, fake, step.images) | self._misread(fake, latents)

    def discriminator_loss(self, step: Step) -> Terms:
        """The game, and Q's reading of the same fakes."""
        if "fake" not in step.shared:  # a step in which the generator rests
            latents = self._latents(step)
            with torch.no_grad():
                step.shared |= {"fake": self.generator(latents), "latents": latents}
        fake = step.shared["fake"].to(step.images.dtype)
        terms = discriminator_terms(self.config, self.discriminator, step.images, fake, step.draws)
        return terms | self._misread(fake, step.shared["latents"])

    def r1_loss(self, step: Step) -> Terms:
        return r1_terms(self.config, self.discriminator, step.images)

    def _latents(self, step: Step) -> Tensor:
        config, draws = self.config, step.draws
        noise = draws.normal(config.latent_dim)
        category = (draws.uniform(1)[:, 0] * config.categories).long().clamp(max=config.categories - 1)
        normal = config.code_distribution == "normal"
        codes = draws.normal(config.continuous) if normal else 2 * draws.uniform(config.continuous) - 1
        return torch.cat([noise, one_hot(category, config.categories).to(noise.dtype), codes], 1)

    def _misread(self, images: Tensor, latents: Tensor) -> Terms:
        """Minus E[log Q(c | x)] in nats, weighted: eq. 5 but for the entropy of the codes, which nothing moves."""
        config = self.config
        category, means = self.discriminator.read(images)
        wanted = latents[:, config.latent_dim : config.latent_dim + config.categories].argmax(1)
        terms = {"category": config.category_weight * cross_entropy(category, wanted)}
        if config.continuous and config.continuous_weight:
            codes = latents[:, config.latent_dim + config.categories :]
            log_likelihoods = gaussian_log_likelihood(codes, means, torch.zeros_like(means))
            terms["continuous"] = -config.continuous_weight * log_likelihoods.mean()
        return terms

    def readings(self, losses: dict[str, float]) -> dict[str, float]:
        """The bounds on the mutual information between codes and pictures, in nats (eq. 5).

        Of the continuous codes under a Q with the variance that its mean squared error is: the best that is constant.
        """
        config, found = self.config, {}
        if "generator/category" in losses:
            found["information/category"] = (
                math.log(config.categories) - losses["generator/category"] / config.category_weight
            )
        if "generator/continuous" in losses:
            entropy = config.continuous * ENTROPY[config.code_distribution]
            misread = losses["generator/continuous"] / config.continuous_weight  # squared error / 2 + a constant
            squared = 2 * misread / config.continuous - LOG_TWO_PI
            found["information/continuous"] = entropy - 0.5 * config.continuous * (math.log(squared) + LOG_TWO_PI + 1)
        return found

    def judge(
        self,
        images: Tensor,
        *,
        labels: Tensor | None = None,
        attributes: Tensor | None = None,
        latents: Tensor | None = None,
    ) -> Tensor:
        logits: Tensor = self.discriminator(images)
        return logits

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.inputs,)

    @property
    def latent_parts(self) -> tuple[LatentPart, ...]:
        """Noise, the category c1, and the continuous codes c2, c3 ..., as the paper calls them."""
        config = self.config
        codes = config.latent_dim + config.categories
        return (
            LatentPart("noise", "normal", 0, config.latent_dim),
            LatentPart("c1", "category", config.latent_dim, codes, code=True),
            *(
                LatentPart(f"c{number + 2}", config.code_distribution, codes + number, codes + number + 1, code=True)
                for number in range(config.continuous)
            ),
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The values of the category code, by number: what each means is to be seen on a sheet of them."""
        return tuple(str(value) for value in range(self.config.categories))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        labels = torch.randint(self.config.categories, (count,), generator=generator)
        return self.draw_of(labels, generator)

    def draw_of(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """(N, Z + K + C) with the category `labels`."""
        config = self.config
        noise = torch.randn(len(labels), config.latent_dim, generator=generator)
        if config.code_distribution == "normal":
            codes = torch.randn(len(labels), config.continuous, generator=generator)
        else:
            codes = 2 * torch.rand(len(labels), config.continuous, generator=generator) - 1
        return torch.cat([noise, one_hot(labels, config.categories).float(), codes], 1)

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(latents)
        return images

    def activations(self, latents: Tensor) -> Tensor:
        return self.generator.activations(latents)

    def first_weight(self) -> Tensor:
        return self.generator.first_weight()

    def classify(self, images: Tensor) -> Tensor:
        """Log-probabilities of the category code's values under Q, (N, K)."""
        logits, _ = self.discriminator.read(images)
        return logits.log_softmax(1)

    def perceive(self, images: Tensor) -> Tensor:
        """The discriminator's last map, (N, F)."""
        features: Tensor = self.discriminator.body.features(images).flatten(1)
        return features

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """How real the discriminator finds each image: its logit. Comparable within one run only."""
        logits: Tensor = self.discriminator(images)
        return logits
