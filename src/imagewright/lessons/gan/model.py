"""A GAN of points: the smallest model with the phases, losses and penalties of the package's image GANs.

Goodfellow et al. 2014, arXiv:1406.2661. A point of D coordinates is stored as a picture of D x 1 pixels of one channel,
so that the package's training engine trains it. Shape letters: N batch, Z latent, D coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import Config
from imagewright.losses.adversarial import ADVERSARIAL, AdversarialName
from imagewright.losses.penalties import gradient_penalty, squared_gradient
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Optimizer, Recipe

LossName = Literal["non_saturating", "relativistic"]  # losses whose optimal discriminator is a function of p / q
PenaltyName = Literal["recommended", "r1", "r1_r2", "gradient_penalty"]
PriorName = Literal["uniform", "gaussian"]
OptimizerName = Literal["adam", "sgd"]
RATE = 1e-3  # of the recipe; a plan replaces it, and the discriminator keeps its ratio


@dataclass(frozen=True, kw_only=True)
class PointGANConfig(Config):
    latent_dim: int = Field(1, ge=1, le=64, description="dimensions of the latent")
    prior: PriorName = Field("uniform", description="of the latent: uniform in [-1, 1], or standard normal")
    width: int = Field(64, ge=1, le=1024, description="units of each hidden layer")
    depth: int = Field(2, ge=1, le=8, description="hidden layers of each network")
    loss: AdversarialName = Field("non_saturating", description="the adversarial loss")
    generator_every: int = Field(1, ge=1, le=100, description="steps of the discriminator to one of the generator")
    discriminator_every: int = Field(1, ge=1, le=100, description="steps of the generator to one of the discriminator")
    discriminator_rate: float = Field(
        1.0, gt=0, le=1e5, description="learning rate of the discriminator, relative to the generator's"
    )
    wide_start: bool = Field(
        True, description="whether the untrained generator spreads its points; else they all lie together"
    )
    penalty: float = Field(0.0, ge=0, le=1e3, description="weight of the penalty on the discriminator's gradient")
    penalty_kind: PenaltyName = Field(
        "recommended", description="where the gradient is penalised: r1 on data, r1_r2 on generated points too"
    )
    betas: tuple[float, float] = Field((0.0, 0.9), description="of Adam; SGD has the first one as its momentum")
    optimizer: OptimizerName = Field("adam", description="of the generator")
    discriminator_optimizer: OptimizerName = Field("adam", description="of the discriminator")


class PointGAN(Model):
    """Networks: `generator` (N, Z) -> (N, 1, D, 1) and `discriminator` (N, 1, D, 1) -> (N,) logits."""

    Config = PointGANConfig
    config: PointGANConfig

    def __init__(self, config: PointGANConfig) -> None:
        super().__init__(config)
        dimensions = config.size[0]
        self.generator = nn.Sequential(
            *_hidden(config.latent_dim, config, nn.ReLU()),
            nn.Linear(config.width, dimensions),
            nn.Unflatten(1, (1, dimensions, 1)),
        )
        self.discriminator = nn.Sequential(
            nn.Flatten(),
            *_hidden(dimensions, config, nn.LeakyReLU(0.2)),
            nn.Linear(config.width, 1),
            nn.Flatten(0),
        )
        if config.wide_start:
            self.apply(_initialise)

    def recipe(self, images_seen: int = 0) -> Recipe:
        config, betas = self.config, self.config.betas
        rate, kind = RATE * config.discriminator_rate, config.discriminator_optimizer
        return Recipe(
            optimizer=Optimizer(learning_rate=RATE, betas=betas, kind=config.optimizer),
            optimizers={"discriminator": Optimizer(learning_rate=rate, betas=betas, kind=kind)},
        )

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator",), self.generator_loss, every=self.config.generator_every),
            Phase("discriminator", ("discriminator",), self.discriminator_loss, every=self.config.discriminator_every),
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
        return terms | self._penalties(step, real, fake)

    def _penalties(self, step: Step, real: Tensor, fake: Tensor) -> Terms:
        gamma, kind = self.config.penalty, self.config.penalty_kind
        if kind == "recommended":  # Huang et al. 2024, arXiv:2501.05441, section 2: the relativistic loss needs both
            kind = "r1_r2" if self.config.loss == "relativistic" else "r1"
        if not gamma:
            return {}
        if kind == "gradient_penalty":
            mix = step.draws.uniform(1, 1, 1)
            return {kind: gamma * gradient_penalty(self.discriminator, real, fake, mix).mean()}
        found = {"r1": gamma / 2 * squared_gradient(self.discriminator, real).mean()}
        if kind == "r1_r2":
            found["r2"] = gamma / 2 * squared_gradient(self.discriminator, fake).mean()
        return found

    def _generate(self, step: Step) -> Tensor:
        return self.decode(self._draw_latents(step.draws))

    def _draw_latents(self, draws: Draws) -> Tensor:
        if self.config.prior == "gaussian":
            return draws.normal(self.config.latent_dim)
        return 2 * draws.uniform(self.config.latent_dim) - 1

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        fake = self.decode(self._draw_latents(draws))
        return {"discriminator": (self.discriminator(rows["images"].images), self.discriminator(fake))}

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        if self.config.prior == "gaussian":
            return torch.randn(count, self.config.latent_dim, generator=generator)
        return 2 * torch.rand(count, self.config.latent_dim, generator=generator) - 1

    def decode(self, latents: Tensor) -> Tensor:
        points: Tensor = self.generator(latents)
        return points


def _hidden(inputs: int, config: PointGANConfig, activation: nn.Module) -> list[nn.Module]:
    sizes = [inputs, *[config.width] * config.depth]
    return [layer for before, after in pairwise(sizes) for layer in (nn.Linear(before, after), activation)]


def _initialise(module: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, eq. 10, with biases spread so that kinks lie in all parts of the square."""
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        nn.init.uniform_(module.bias, -1, 1)
