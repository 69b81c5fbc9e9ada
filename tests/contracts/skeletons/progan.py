"""ProGAN in small: networks that grow, batches that shrink with it, and moments that start anew.

Karras et al. 2018, arXiv:1710.10196: section 2 (growth and fade-in), appendix A (optimizer, moving average). All
parameters exist from the start; a buffer says how far the networks have grown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import interpolate

from imagewright.model import Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from skeletons.parts import SkeletonConfig, conv, halved, patch_discriminator

TOTAL, GROWS_AT, FADES_OVER = 400, 160, 120


@dataclass(frozen=True, kw_only=True)
class ProGANConfig(SkeletonConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 8}

    latent_dim: int = Field(8, ge=1, le=1024, description="size of the latent vector")


class ProGAN(Model):
    """Networks: `generator.coarse` at half the size, `generator.fine`; `discriminator`."""

    Config = ProGANConfig
    config: ProGANConfig
    averaged = ("generator",)

    def __init__(self, config: ProGANConfig) -> None:
        super().__init__(config)
        channels, height, width = config.image_shape
        half = (channels, height // 2, width // 2)
        self.generator = nn.ModuleDict(
            {
                "coarse": nn.Sequential(
                    nn.Linear(config.latent_dim, channels * half[1] * half[2]), nn.Unflatten(1, half)
                ),
                "fine": conv(channels, channels),
            }
        )
        self.discriminator = patch_discriminator(channels)
        self.register_buffer("fade", torch.zeros(()))  # 0: half the size; 1: the whole
        self.register_buffer("stage", torch.zeros((), dtype=torch.int64))

    def recipe(self, images_seen: int = 0) -> Recipe:
        grown = images_seen >= GROWS_AT
        return Recipe(
            images_seen=TOTAL,
            batch_size=8 if grown else 16,
            optimizer=Optimizer(learning_rate=1.5e-3 if grown else 1e-3, betas=(0.0, 0.99)),
            average=Average(half_life=50),
        )

    def advance(self, images_seen: int) -> tuple[str, ...]:
        self.fade.fill_(min(1.0, max(0.0, (images_seen - GROWS_AT) / FADES_OVER)))
        stage = int(images_seen >= GROWS_AT)
        if stage == int(self.stage):
            return ()
        self.stage.fill_(stage)
        return ("generator", "discriminator")

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator",), self.generator_loss),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        fake = self._generate(step.draws.normal(self.config.latent_dim))
        step.shared["fake"] = fake.detach()
        return {"adversarial": -self.discriminator(fake).mean()}

    def discriminator_loss(self, step: Step) -> Terms:
        coarse = interpolate(halved(step.images, 1), scale_factor=2)
        logits = self.discriminator(torch.lerp(coarse, step.images, self.fade))
        return {
            "critic": self.discriminator(step.shared["fake"]).mean() - logits.mean(),
            "drift": 1e-3 * logits.square().mean(),
        }

    def _generate(self, latents: Tensor) -> Tensor:
        coarse = interpolate(self.generator["coarse"](latents), scale_factor=2)
        images: Tensor = torch.lerp(coarse, self.generator["fine"](coarse), self.fade)
        return images

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        fake = self._generate(draws.normal(self.config.latent_dim))
        return {"discriminator": (self.discriminator(rows["images"].images), self.discriminator(fake))}

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.config.latent_dim, generator=generator)

    def decode(self, latents: Tensor) -> Tensor:
        return self._generate(latents).clamp(-1, 1)
