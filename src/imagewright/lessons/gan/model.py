"""A GAN of points: the smallest model with the phases, losses and penalties of the package's image GANs.

Goodfellow et al. 2014, arXiv:1406.2661. A point of D coordinates is stored as a picture of D x 1 pixels of one channel,
so that the package's training engine trains it. Shape letters: N batch, Z latent, D coordinates.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import Config
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import squared_gradient
from imagewright.model import Model
from imagewright.phases import Phase, Step, Terms
from imagewright.recipe import Optimizer, Recipe

LossName = Literal["non_saturating", "relativistic"]  # losses whose optimal discriminator is a function of p / q


@dataclass(frozen=True, kw_only=True)
class PointGANConfig(Config):
    latent_dim: int = Field(1, ge=1, le=64, description="dimensions of the latent, uniform in [-1, 1]")
    width: int = Field(64, ge=1, le=1024, description="units of each of the two hidden layers")
    loss: LossName = Field("non_saturating", description="the adversarial loss")
    generator_every: int = Field(1, ge=1, le=100, description="steps of the discriminator to one of the generator")
    wide_start: bool = Field(
        True, description="whether the untrained generator spreads its points; else they all lie together"
    )
    penalty: float = Field(0.0, ge=0, le=1e3, description="gamma of R1; of R1 and R2 with the relativistic loss")
    betas: tuple[float, float] = Field((0.0, 0.9), description="of Adam")


class PointGAN(Model):
    """Networks: `generator` (N, Z) -> (N, 1, D, 1) and `discriminator` (N, 1, D, 1) -> (N,) logits."""

    Config = PointGANConfig
    config: PointGANConfig

    def __init__(self, config: PointGANConfig) -> None:
        super().__init__(config)
        dimensions = config.size[0]
        self.generator = nn.Sequential(
            *_hidden(config.latent_dim, config.width, nn.ReLU()),
            nn.Linear(config.width, dimensions),
            nn.Unflatten(1, (1, dimensions, 1)),
        )
        self.discriminator = nn.Sequential(
            nn.Flatten(),
            *_hidden(dimensions, config.width, nn.LeakyReLU(0.2)),
            nn.Linear(config.width, 1),
            nn.Flatten(0),
        )
        if config.wide_start:
            self.apply(_initialise)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return Recipe(optimizer=Optimizer(betas=self.config.betas))

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator",), self.generator_loss, every=self.config.generator_every),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        loss = ADVERSARIAL[self.config.loss]
        fake = self._generate(step)
        step.shared["fake"] = fake.detach()
        real_logits = self.discriminator(step.images) if loss.needs_real else None
        return loss.generator(self.discriminator(fake), real_logits)

    def discriminator_loss(self, step: Step) -> Terms:
        if "fake" not in step.shared:  # a step without a generator update
            with torch.no_grad():
                step.shared["fake"] = self._generate(step)
        real, fake = step.images, step.shared["fake"]
        terms = ADVERSARIAL[self.config.loss].discriminator(self.discriminator(real), self.discriminator(fake))
        gamma = self.config.penalty
        if gamma:
            terms["r1"] = gamma / 2 * squared_gradient(self.discriminator, real).mean()
        if gamma and self.config.loss == "relativistic":
            terms["r2"] = gamma / 2 * squared_gradient(self.discriminator, fake).mean()
        return terms

    def _generate(self, step: Step) -> Tensor:
        return self.decode(2 * step.draws.uniform(self.config.latent_dim) - 1)

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return 2 * torch.rand(count, self.config.latent_dim, generator=generator) - 1

    def decode(self, latents: Tensor) -> Tensor:
        points: Tensor = self.generator(latents)
        return points


def _hidden(inputs: int, width: int, activation: nn.Module) -> list[nn.Module]:
    return [nn.Linear(inputs, width), activation, nn.Linear(width, width), activation]


def _initialise(module: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, eq. 10, with biases spread so that kinks lie in all parts of the square."""
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        nn.init.uniform_(module.bias, -1, 1)
