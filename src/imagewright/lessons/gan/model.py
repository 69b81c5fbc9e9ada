"""A GAN of points: the smallest model that has the phases of the package's image GANs. What is shown is what trains.

Goodfellow et al. 2014, arXiv:1406.2661. A point of D coordinates is a picture of D x 1 pixels of one channel, so that
the same engine, losses and penalties train it. Shape letters: N batch, Z latent, D coordinates.
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

GameName = Literal["non_saturating", "relativistic"]  # those whose best discriminator is a function of p / q


@dataclass(frozen=True, kw_only=True)
class PointGANConfig(Config):
    latent_dim: int = Field(1, ge=1, le=64, description="numbers that a point is made of, uniform in [-1, 1]")
    width: int = Field(64, ge=1, le=1024, description="units of each of the two hidden layers")
    loss: GameName = Field("non_saturating", description="the game")
    generator_every: int = Field(1, ge=1, le=100, description="steps of the discriminator to one of the generator")
    wide_start: bool = Field(True, description="whether the untrained generator spreads points; else all lie together")
    penalty: float = Field(0.0, ge=0, le=1e3, description="gamma of R1; of R1 and R2 in the relativistic game")
    betas: tuple[float, float] = Field((0.0, 0.9), description="of Adam")


class PointGAN(Model):
    """Networks: `generator` (N, Z) -> (N, 1, D, 1) and `discriminator` (N, 1, D, 1) -> (N,) logits."""

    Config = PointGANConfig
    config: PointGANConfig

    def __init__(self, config: PointGANConfig) -> None:
        super().__init__(config)
        dimensions = config.size[0]
        self.generator = nn.Sequential(
            *_hidden(config.latent_dim, config.width, nn.ReLU()),  # smooth: so is the density that it makes
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
            self.apply(_start)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return Recipe(optimizer=Optimizer(betas=self.config.betas))

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator",), self.generator_loss, every=self.config.generator_every),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        game = ADVERSARIAL[self.config.loss]
        fake = self._generated(step)
        step.shared["fake"] = fake.detach()
        real_logits = self.discriminator(step.images) if game.needs_real else None
        return game.generator(self.discriminator(fake), real_logits)

    def discriminator_loss(self, step: Step) -> Terms:
        if "fake" not in step.shared:  # a step in which the generator rests
            with torch.no_grad():
                step.shared["fake"] = self._generated(step)
        real, fake = step.images, step.shared["fake"]
        terms = ADVERSARIAL[self.config.loss].discriminator(self.discriminator(real), self.discriminator(fake))
        gamma = self.config.penalty
        if gamma:
            terms["r1"] = gamma / 2 * squared_gradient(self.discriminator, real).mean()
        if gamma and self.config.loss == "relativistic":
            terms["r2"] = gamma / 2 * squared_gradient(self.discriminator, fake).mean()
        return terms

    def _generated(self, step: Step) -> Tensor:
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


def _start(module: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, eq. 10; and hidden units that bend in all parts of the square."""
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        nn.init.uniform_(module.bias, -1, 1)
