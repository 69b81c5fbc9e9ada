"""DCGAN: a convolutional generator and discriminator, trained against each other.

Radford, Metz & Chintala 2015, arXiv:1511.06434: architecture section 3 (`layers/dcgan.py`), training section 4.
Departures: sizes other than 64; losses other than the paper's (`losses/adversarial.py`); no batch normalisation in a
discriminator whose gradient is penalised at each image, since batch statistics would mix the gradients of images.
With `base=pca` the output is added to samples of PCA (`layers/pca_base.py`).
In a step the generator is updated first; the discriminator then gets the same generated images.
Shape letters: N batch, Z latent, C H W image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.layers.dcgan import DCGANShape, Discriminator, Generator
from imagewright.layers.pca_base import PCABase, PCABaseConfig
from imagewright.losses.penalties import Critic
from imagewright.model import Model, Stream
from imagewright.models.shared.adversarial import (
    build_phases,
    build_recipe,
    generator_terms,
    r1_terms,
    reusing_logits,
)
from imagewright.models.shared.discriminator_verbs import ScoresByDiscriminator
from imagewright.models.shared.limited_data import LimitedData, LimitedDataConfig
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Recipe
from imagewright.statistics.gaussians import normal_rows


@dataclass(frozen=True, kw_only=True)
class DCGANConfig(LimitedDataConfig, PCABaseConfig, DCGANShape):
    """The options of DCGAN."""

    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 8, "width": 8}

    latent_dim: int = Field(100, ge=1, le=65_536, description="size of the latent vector")


class DCGAN(Model, ScoresByDiscriminator):
    """Networks: `generator` and `discriminator`; the verbs use the generator's moving average."""

    Config = DCGANConfig
    config: DCGANConfig
    averaged = ("generator",)

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__(config)
        components = config.latent_dim if config.base == "pca" else 0
        self.generator = Generator(config, config.latent_dim, components)
        self.discriminator = Discriminator(config, normalised=config.normalises_discriminator)
        self.limited_data = LimitedData(config)
        if config.base == "pca":
            self.base = PCABase(config.latent_dim, config.size, config.channels)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return build_recipe(self.config)

    def initialise_from(self, images: Stream, seed: int) -> Sequence[str]:
        """Find the components of PCA, whose samples the generator's output is added to."""
        return () if self.config.base == "none" or self.base.is_fitted else (self.base.fit(images, seed),)

    # Objective

    def phases(self) -> list[Phase]:
        return build_phases(self.config, self.generator_loss, self.discriminator_loss, self.r1_loss)

    def generator_loss(self, step: Step) -> Terms:
        fake = self.decode(step.draws.normal(self.config.latent_dim))
        step.shared["fake"] = fake.detach()
        critic = reusing_logits(self._critic(step), fake, step)
        return generator_terms(self.config, critic, fake, step.images)

    def discriminator_loss(self, step: Step) -> Terms:
        # Computed by the generator's phase, unless that skips this step.
        fake = step.once("fake", lambda: self.decode(step.draws.normal(self.config.latent_dim)))
        fake = fake.to(step.images.dtype)
        critic = reusing_logits(self._critic(step), fake, step)
        return self.limited_data.discriminator_terms(critic, fake, step)

    def r1_loss(self, step: Step) -> Terms:
        return r1_terms(self.config, self._critic(step), step.images)

    def _critic(self, step: Step) -> Critic:
        return self.limited_data.augmented(self.discriminator, step.draws)

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        fake = self.decode(draws.normal(self.config.latent_dim))
        return {"discriminator": (self.discriminator(rows["images"].images), self.discriminator(fake))}

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.latent_dim,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.config.latent_dim, generator=generator)

    def sample_in_turn(self, generators: Iterable[torch.Generator]) -> Tensor:
        return normal_rows(generators, self.config.latent_dim)

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(latents, self.base if self.config.base == "pca" else None)
        return images

    def activations(self, latents: Tensor) -> Tensor:
        return self.generator.activations(latents)

    def first_weight(self) -> Tensor:
        return self.generator.first_weight()

    def extract_features(self, images: Tensor) -> Tensor:
        """The discriminator's last map, (N, F)."""
        features: Tensor = self.discriminator.features(images).flatten(1)
        return features
