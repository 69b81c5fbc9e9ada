"""Projected GAN: discriminators that see pictures through a fixed network learn small sets fast.

Sauer, Chitta, Mueller & Geiger 2021, arXiv:2111.01007: objective eq. 4, mixing section 3.2
(`layers/feature_projection.py`), the fixed network section 4 (`pretrained/backbones.py`), training in the appendix; the
generator is FastGAN's (`layers/fastgan.py`), with DiffAugment (Zhao et al. 2020, arXiv:2006.10738).
Departures: the generator is updated first, and the discriminators get the maps of the same generated pictures, which
saves a quarter of the fixed network's work; pictures may be seen by it at any side.
Shape letters: N batch, Z latent, C H W image; map k has M_k channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import DoublingConfig
from imagewright.layers.diff_augment import RANDOM_NUMBERS, diff_augment
from imagewright.layers.fastgan import FastGenerator, fast_widths
from imagewright.layers.feature_projection import MapMixer, Mixing, ScaleDiscriminator
from imagewright.losses.adversarial import ADVERSARIAL, sum_terms
from imagewright.model import Frozen, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.pretrained.backbones import (
    BACKBONE_WIDTHS,
    BackboneName,
    map_sizes,
    open_backbone,
)
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.statistics.gaussians import normal_rows
from imagewright.traits import Traits

HINGE = ADVERSARIAL["hinge"]
UNIT = 32  # the coarsest stride of the fixed networks
LEAST_SEEN, MOST_SEEN = 64, 256  # pixels at which the fixed network sees pictures, as suggested on a CPU


@dataclass(frozen=True, kw_only=True)
class ProjectedGANConfig(DoublingConfig):
    """The options of Projected GAN."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "features": "random",
        "feature_side": 32,
        "latent_dim": 8,
        "width": 2,
        "mixing_width": 2,
        "discriminator_width": 2,
    }

    latent_dim: int = Field(256, ge=1, le=65_536, description="size of the latent vector")
    width: int = Field(128, ge=1, le=2048, description="a sixteenth of the channels of the generator's first maps")
    blocks: Literal[1, 2] = Field(2, description="the generator's convolutions at each size; 1: without noise")
    features: BackboneName = Field(
        "efficientnet_lite0",
        description="the fixed network that the discriminators see pictures through: efficientnet_lite0 (extra "
        "features), or random, which needs no file and teaches less",
    )
    feature_side: int = Field(
        256, ge=UNIT, le=1024, description="the shorter side at which it sees pictures, a multiple of 32 pixels"
    )
    scales: int = Field(4, ge=1, le=4, description="its maps that are used, from the finest on: one discriminator each")
    mixing: Mixing = Field(
        "scales", description="how maps are mixed at random: channels, scales (channels, then neighbouring maps), none"
    )
    mixing_width: int = Field(64, ge=1, le=1024, description="channels of the finest mixed map")
    discriminator_width: int = Field(64, ge=1, le=1024, description="channels of a discriminator at a side of 64")
    discriminator_rate: float = Field(
        1.0, gt=0, le=100, description="learning rate of the discriminators, in the generator's"
    )
    augmentation: Literal["none", "diffaugment"] = Field(
        "diffaugment",
        description="random changes of what the discriminators see: colour, translation, cutout; differentiable",
    )

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """On a CPU narrow networks, small batches, and pictures seen by the fixed network at about their own size.

        Its work grows with the pixels that it sees. Observed on 1,000 flowers at 64 pixels: samples show petals on
        green after 170 steps, in colours too strong; longer trainings on a CPU are not measured.
        """
        if traits.accelerator:
            return {}
        seen = round(min(traits.height, traits.width) / UNIT) * UNIT
        return {
            "width": 16,
            "blocks": 1,
            "mixing_width": 16,
            "discriminator_width": 32,
            "feature_side": min(max(seen, LEAST_SEEN), MOST_SEEN),
            "latent_dim": 64,
            "batch_size": 16,
            "learning_rate": 5e-4,
        }

    @field_validator("feature_side")
    @classmethod
    def _side_is_possible(cls, side: int) -> int:
        if side % UNIT:
            nearest = round(side / UNIT) * UNIT
            raise ValueError(f"feature_side {side}: it must be a multiple of {UNIT}. Nearest: --feature-side {nearest}")
        return side

    @property
    def widths(self) -> list[int]:
        """Channels of the generator's base and after each doubling."""
        return fast_widths(self.width, self.doublings)

    @property
    def feature_size(self) -> tuple[int, int]:
        """Height and width at which the fixed network sees pictures: multiples of 32 near their proportions."""
        scale = self.feature_side / min(self.size) / UNIT
        height, width = (max(1, round(side * scale)) * UNIT for side in self.size)
        return height, width


class ProjectedGAN(Model):
    """Networks: `generator`, and `discriminators`, one a scale; the verbs use the generator's moving average.

    mixer: fixed random convolutions, which are in the weights.
    backbone: the fixed network, fetched before training; samples need it not.
    """

    Config = ProjectedGANConfig
    config: ProjectedGANConfig
    averaged = ("generator",)

    def __init__(self, config: ProjectedGANConfig) -> None:
        super().__init__(config)
        self.generator = FastGenerator(
            config.channels, config.latent_dim, config.start, config.widths, blocks=config.blocks
        )
        widths = BACKBONE_WIDTHS[config.features][: config.scales]
        self.mixer = MapMixer(widths, config.mixing_width, config.mixing)
        sizes = map_sizes(config.features, config.feature_size, config.scales)
        self.discriminators = nn.ModuleList(
            ScaleDiscriminator(channels, size, config.discriminator_width)
            for channels, size in zip(self.mixer.mixed_widths, sizes, strict=True)
        )
        self.backbone = Frozen()

    def equip(self) -> list[str]:
        config = self.config
        backbone = open_backbone(config.features, config.feature_size, config.scales)
        self.backbone.hold(backbone)
        height, width = config.feature_size
        return [
            f"the discriminators see pictures at {width}x{height} through {config.features} "
            f"(weights {backbone.digest[:12]}), which is not trained; scores by it favour this model"
        ]

    def recipe(self, images_seen: int = 0) -> Recipe:
        generator = Optimizer(learning_rate=2e-4, betas=(0.0, 0.99))
        rate = generator.learning_rate * self.config.discriminator_rate
        return Recipe(
            images_seen=1_000_000,
            batch_size=64,
            optimizer=generator,
            optimizers={"discriminators": replace(generator, learning_rate=rate)},
            average=Average(half_life=20_000),
        )

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator",), self.generator_loss),
            Phase("discriminators", ("discriminators",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        """Eq. 4 with the hinge loss: the sum over scales of means over places."""
        maps = self.project(self._augment(self._generate(step.draws), step.draws))
        step.shared |= {f"map {k}": each.detach() for k, each in enumerate(maps)}
        return sum_terms([HINGE.generator(logits, None) for logits in self.judge(maps)])

    def discriminator_loss(self, step: Step) -> Terms:
        with torch.no_grad():
            real = self.project(self._augment(step.images, step.draws))
        fake = [step.shared[f"map {k}"] for k in range(len(real))]
        pairs = zip(self.judge(real), self.judge(fake), strict=True)
        return sum_terms([HINGE.discriminator(*pair) for pair in pairs])

    def project(self, images: Tensor) -> list[Tensor]:
        """Images (N, C, H, W) in [-1, 1] to the mixed maps (N, M_k, H_k, W_k) of the fixed network."""
        maps: list[Tensor] = self.mixer(self.backbone(images))
        return maps

    def judge(self, maps: list[Tensor]) -> list[Tensor]:
        """Logits (N, P) of each scale."""
        return [judge(each) for judge, each in zip(self.discriminators, maps, strict=True)]

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        real, fake = (self.judge(self.project(images)) for images in (rows["images"].images, self._generate(draws)))
        return {f"scale_{k}": pair for k, pair in enumerate(zip(real, fake, strict=True), start=1)}

    def _generate(self, draws: Draws) -> Tensor:
        noise = [draws.normal(1, *shape) for shape in self.generator.noise_shapes]
        images: Tensor = self.generator(draws.normal(self.config.latent_dim), noise)
        return images

    def _augment(self, images: Tensor, draws: Draws) -> Tensor:
        if self.config.augmentation == "none":
            return images
        return diff_augment(images, draws.uniform(RANDOM_NUMBERS))

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.config.latent_dim, generator=generator)

    def sample_in_turn(self, generators: Iterable[torch.Generator]) -> Tensor:
        return normal_rows(generators, self.config.latent_dim)

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(latents)
        return images

    def activations(self, latents: Tensor) -> Tensor:
        return self.generator.activations(latents)

    def first_weight(self) -> Tensor:
        return self.generator.first_weight()
