"""What StyleGAN2 and 3 share besides their layers: options, the critic behind its augmentation, and the verbs.

Karras et al. 2020 (ADA), arXiv:2006.06676; 2021 (StyleGAN3), arXiv:2106.12423. Shape letters: N batch, C H W image,
Z latent, K classes, W style, L layers that take a style.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import ConditionedConfig, SizedConfig
from imagewright.layers.adaptive_augmentation import ADA, augment
from imagewright.layers.conditions import ConditionalLatents
from imagewright.layers.style_mapping import StyleMappingNetwork
from imagewright.losses.penalties import Critic
from imagewright.models.shared.style_views import HasStyles
from imagewright.phases import Draws, Rows, Step


@dataclass(frozen=True, kw_only=True)
class StyleBasedConfig(ConditionedConfig, SizedConfig):
    """The options of both."""

    condition: Literal["none", "labels"] = Field("none", description="what the model is conditioned on")
    latent_dim: int = Field(512, ge=1, le=65_536, description="size of the noise z")
    style_dim: int = Field(512, ge=1, le=65_536, description="size of the style w")
    mapping_rate: float = Field(0.01, gt=0, le=1e3, description="factor of the learning rate of mapping networks")
    condition_layers: int = Field(8, ge=1, le=64, description="layers of the discriminator's mapping of the class")
    condition_dim: int | None = Field(
        None, ge=1, le=65_536, description="size of the class's direction in the discriminator (channels at the base)"
    )
    deviation_maps: int = Field(
        1, ge=0, le=512, description="maps of the deviation of a minibatch in the discriminator"
    )
    clamp: float = Field(256.0, ge=0, le=1e9, description="the largest size of a number in a map; 0: no limit")
    augmentation: Literal["ada", "none"] = Field("ada", description="adaptive augmentation of what is judged")
    augmentation_target: float = Field(
        0.6, gt=-1, lt=1, description="mean sign of the logits of real images that augmentation aims at"
    )
    augmentation_images: int = Field(
        500_000,
        ge=1,
        le=10**9,
        description="images in which its probability rises by 1 (published with --from: 100000)",
    )
    frozen_layers: int = Field(
        0, ge=0, le=1000, description="first layers of the discriminator that are not trained (Freeze-D, with --from)"
    )


class StyleBasedGAN(HasStyles, ConditionalLatents):
    """Mix-in of a model whose networks are `generator`, which is `mapping` and `synthesis`, and `discriminator`.

    With augmentation it has `augmentation`, with classes `conditions`; its config says both.
    """

    config: Any
    generator: Any
    discriminator: Any
    augmentation: Any
    conditions: Any
    score_unit = "discriminator's logit"

    # For the objective

    def critic(self, step: Step) -> Critic:
        """The discriminator behind the augmentation, with new random numbers for each call."""
        critic = partial(self.discriminator, conditions=self.to_conditions(step))
        if self.config.augmentation == "none":
            return critic
        return lambda images: critic(augment(images, self.augmentation.value, ADA, step.draws))

    def to_conditions(self, rows: Rows) -> Tensor | None:
        """The conditions (N, K) of images; None without classes."""
        return self.conditions.to_vectors(rows.labels, None) if self.config.conditions else None

    def observe(self, real_logits: Tensor, step: Step) -> None:
        """Note what a batch of real images tells: their conditions, and how often to augment."""
        conditions = self.to_conditions(step)
        if conditions is not None:
            self.conditions.remember(step.gather(conditions)[0])
        if self.config.augmentation == "ada":
            self.augmentation.observe(real_logits.detach(), step)

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        """The logits of real images and of as many generated ones."""
        conditions = self.to_conditions(rows["images"])
        fake = self.generator(draws.normal(self.config.latent_dim), conditions)
        critic = partial(self.discriminator, conditions=conditions)
        return {"discriminator": (critic(rows["images"].images), critic(fake))}

    # Verbs

    @property
    def mapping(self) -> StyleMappingNetwork:
        """The network from z to w."""
        network: StyleMappingNetwork = self.generator.mapping
        return network

    @property
    def style_shape(self) -> tuple[int, int]:
        """(L, W)."""
        return self.generator.synthesis.layers, self.config.style_dim

    def map_latents(self, latents: Tensor) -> Tensor:
        """Latents (N, Z + K) to w (N, W)."""
        noise, conditions = latents.split((self.config.latent_dim, self.config.conditions), 1)
        styles: Tensor = self.generator.mapping(noise, conditions if self.config.conditions else None)
        return styles

    def synthesise(self, styles: Tensor) -> Tensor:
        """Styles (N, L, W) to images (N, C, H, W)."""
        images: Tensor = self.generator.synthesis(styles)
        return images.clamp(-1, 1)

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The discriminator's logit of each image by itself, (N,); with classes, of all, which are equally likely."""
        count = self.config.conditions
        every = torch.eye(count, device=images.device) if count else None
        logits: Tensor = self.discriminator.logits_alone(images, every).logsumexp(1)
        return logits - math.log(count or 1)

    def extract_features(self, images: Tensor) -> Tensor:
        """The numbers before the discriminator's last layer, (N, F)."""
        features: Tensor = self.discriminator.features(images, group=1)
        return features
