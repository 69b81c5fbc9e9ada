"""DCGAN: a convolutional generator and discriminator, trained against each other.

Radford, Metz & Chintala 2015, arXiv:1511.06434: architecture section 3, training section 4. The layers and their order
are those of the PyTorch example of it, so that state dicts of either load in the other.
Departures: sizes other than 64; other losses than the paper's, from `losses/adversarial`; without batch normalisation
in the discriminator where the loss penalises its gradient at each image, which the batch's statistics would mix.
The generator moves first in a step, and the discriminator then judges the same fakes: they are made once.
Shape letters: N batch, Z latent, C H W image.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import Config
from imagewright.losses.adversarial import ADVERSARIAL, AdversarialName
from imagewright.losses.penalties import gradient_penalty, squared_gradient
from imagewright.phases import Model, Phase, Recipe, Step, Terms

START = 4  # the shorter side of the first map
WIDEST = 16  # times the width: the paper's doubling goes on for sizes above 64, but not without end


@dataclass(frozen=True, kw_only=True)
class DCGANConfig(Config):
    smallest: ClassVar[dict[str, Any]] = {"latent_dim": 8, "width": 8}

    latent_dim: int = Field(100, ge=1, le=65_536, description="numbers that a picture is made of")
    width: int = Field(64, ge=1, le=2048, description="channels at the finest map; doubled at each halving")
    loss: AdversarialName = Field("non_saturating", description="the game: see losses/adversarial.py for the papers")
    penalty: float | None = Field(
        None,
        ge=0,
        le=1e6,
        description="weight of the gradient penalty: wasserstein, lambda (10); relativistic, gamma of R1 and R2 "
        "(0.5); the others, gamma of R1 (0)",
    )
    penalty_every: int = Field(
        4, ge=1, le=100, description="steps to one of R1, where R1 is added to a loss that has none of its own"
    )
    generator_every: int | None = Field(
        None, ge=1, le=100, description="steps of the discriminator to one of the generator (5 for wasserstein, else 1)"
    )
    discriminator_norm: Literal["auto", "batch", "none"] = Field(
        "auto", description="normalisation in the discriminator; auto: batch, none where the loss has a penalty"
    )

    @field_validator("size")
    @classmethod
    def _size_is_possible(cls, size: tuple[int, int]) -> tuple[int, int]:
        nearest = cls.nearest_size(*size)
        if size != nearest:
            raise ValueError(
                f"size {size[0]}x{size[1]}: the shorter side must be 4 times a power of two (8, 16, 32, 64, 128 ...) "
                f"and the longer one a multiple of a fourth of it. Nearest: --size {nearest[0]}x{nearest[1]}"
            )
        return size

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        doublings = max(1, round(math.log2(max(min(height, width), 1) / START)))
        scale = START * 2**doublings / min(height, width)
        height, width = (max(START, round(side * scale / 2**doublings)) * 2**doublings for side in (height, width))
        return height, width

    @property
    def doublings(self) -> int:
        """How often the first map is doubled to the image."""
        return int(math.log2(min(self.size) // START))

    @property
    def start(self) -> tuple[int, int]:
        """Height and width of the first map."""
        return self.size[0] >> self.doublings, self.size[1] >> self.doublings

    @property
    def widths(self) -> list[int]:
        """Channels of the maps between image and first map, finest first."""
        return [self.width * min(2**level, WIDEST) for level in range(self.doublings)]

    @property
    def penalty_weight(self) -> float:
        default = {"wasserstein": 10.0, "relativistic": 0.5}.get(self.loss, 0.0)
        return default if self.penalty is None else self.penalty

    @property
    def penalises_every_step(self) -> bool:
        """Whether the penalty is a part of the loss, as its paper has it, and not a regulariser of its own."""
        return self.loss in ("wasserstein", "relativistic")

    @property
    def normalises_discriminator(self) -> bool:
        if self.discriminator_norm == "auto":
            return not self.penalty_weight
        return self.discriminator_norm == "batch"


class Generator(nn.Module):
    """(N, Z) -> (N, C, H, W) in [-1, 1]."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        widths = config.widths[::-1]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(config.latent_dim, widths[0], config.start, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(True),
        ]
        for inner, outer in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outer),
                nn.ReLU(True),
            ]
        layers += [nn.ConvTranspose2d(widths[-1], config.channels, 4, stride=2, padding=1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)
        self.apply(_published_start)

    def forward(self, latents: Tensor) -> Tensor:
        images: Tensor = self.main(latents.flatten(1)[..., None, None])
        return images


class Discriminator(nn.Module):
    """(N, C, H, W) -> (N,) logits, before the sigmoid of the paper."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        widths = config.widths
        layers: list[nn.Module] = [
            nn.Conv2d(config.channels, widths[0], 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for inner, outer in pairwise(widths):
            layers += [
                nn.Conv2d(inner, outer, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outer) if config.normalises_discriminator else nn.Identity(),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers.append(nn.Conv2d(widths[-1], 1, config.start, bias=False))
        self.main = nn.Sequential(*layers)
        self.apply(_published_start if config.normalises_discriminator else _start_without_norms)

    def forward(self, images: Tensor) -> Tensor:
        # Losses are logarithms and exponentials of logits: not for half precision.
        logits: Tensor = self.main(images).flatten().float()
        return logits


def _published_start(module: nn.Module) -> None:
    """Section 4: weights from N(0, 0.02); the norms around 1."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def _start_without_norms(module: nn.Module) -> None:
    """He et al. 2015, arXiv:1502.01852, eq. 15: the paper's 0.02 counts on norms, and would let the signal die out."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=0.2, nonlinearity="leaky_relu")


class DCGAN(Model):
    """Networks: `generator` and `discriminator`; the verbs use the generator's moving average."""

    Config = DCGANConfig
    config: DCGANConfig
    averaged = ("generator",)
    score_unit = "discriminator's logit"

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__(config)
        self.generator = Generator(config)
        self.discriminator = Discriminator(config)

    @property
    def recipe(self) -> Recipe:
        # Section 4.1; the average is Karras et al. 2018 (ProGAN), appendix A.1, shorter as these runs are shorter.
        betas = (0.0, 0.99) if self.config.penalty_weight else (0.5, 0.999)
        return Recipe(images_seen=600_000, batch_size=64, learning_rate=2e-4, betas=betas, average_half_life=10_000)

    # Objective

    def phases(self) -> list[Phase]:
        every = self.config.generator_every or (5 if self.config.loss == "wasserstein" else 1)
        phases = [
            Phase("generator", updates=("generator",), loss=self.generator_loss, every=every),
            Phase("discriminator", updates=("discriminator",), loss=self.discriminator_loss),
        ]
        if self.config.penalty_weight and not self.config.penalises_every_step:
            # Karras et al. 2019 (StyleGAN2), appendix B: R1 changes slowly, so that one step in a few is enough.
            r1 = Phase("r1", ("discriminator",), self.r1_loss, every=self.config.penalty_every, lazy=True)
            phases.append(r1)
        return phases

    def generator_loss(self, step: Step) -> Terms:
        game = ADVERSARIAL[self.config.loss]
        fake = self.generator(step.draws.normal(self.config.latent_dim))
        step.shared["fake"] = fake.detach()
        real_logits = None
        if game.needs_real:
            with torch.no_grad():
                real_logits = self.discriminator(step.images)
        return game.generator(self.discriminator(fake), real_logits)

    def discriminator_loss(self, step: Step) -> Terms:
        """The game's terms, and where its paper has it in every step, the penalty on the gradient at images."""
        if "fake" not in step.shared:  # a step in which the generator rests
            with torch.no_grad():
                step.shared["fake"] = self.generator(step.draws.normal(self.config.latent_dim))
        real, fake = step.images, step.shared["fake"].to(step.images.dtype)
        # Real and generated go through apart: their batch statistics differ, and the paper keeps them apart.
        terms = ADVERSARIAL[self.config.loss].discriminator(self.discriminator(real), self.discriminator(fake))
        weight = self.config.penalty_weight
        if weight and self.config.loss == "wasserstein":
            mix = step.draws.uniform(1, 1, 1)
            terms["penalty"] = weight * gradient_penalty(self.discriminator, real, fake, mix).mean()
        elif weight and self.config.loss == "relativistic":
            terms["r1"] = weight / 2 * squared_gradient(self.discriminator, real).mean()
            terms["r2"] = weight / 2 * squared_gradient(self.discriminator, fake).mean()
        return terms

    def r1_loss(self, step: Step) -> Terms:
        """Mescheder et al. 2018, arXiv:1801.04406, eq. 9."""
        return {"penalty": self.config.penalty_weight / 2 * squared_gradient(self.discriminator, step.images).mean()}

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.config.latent_dim, generator=generator)

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(latents)
        return images

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """How real the discriminator finds each image: its logit. Comparable within one run only."""
        logits: Tensor = self.discriminator(images)
        return logits
