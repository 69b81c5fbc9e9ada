"""BigGAN-deep: four times as many layers as BigGAN, narrow inside, with shortcuts that keep channels as they are.

Brock, Donahue & Simonyan 2019, arXiv:1809.11096, appendix B, figure 16 and tables 7 to 9 (`layers/biggan_deep.py`). The
noise is whole in the condition of every norm. The generator is the published one; the discriminator, of which nothing
was published, is the paper's. Rates are the paper's, 5e-5 and 2e-4, with two updates of the discriminator for one of
the generator (appendix C).
Departures: those of BigGAN; statistics of norms by truncation are computed at 11 truncations and are linear between
them, where the published ones are of 51.
Shape letters: N batch, Z noise, K classes or attributes, C H W image.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.errors import UserError
from imagewright.layers.biggan_deep import DeepDiscriminator, DeepGenerator, StatisticsByTruncation
from imagewright.layers.conditions import Conditions
from imagewright.layers.standing_statistics import compute_standing_statistics
from imagewright.model import Model
from imagewright.models.shared.large_scale import (
    STATISTICS_BATCH,
    LargeScaleConfig,
    LargeScaleGAN,
    TruncatedNoise,
    build_recipe,
)
from imagewright.recipe import Recipe
from imagewright.statistics.gaussians import truncate_normal

BOUND = 2.0  # of the noise, times the truncation
MEASURED = 11  # truncations, 0, 0.1 ... 1, at which statistics are computed


@dataclass(frozen=True, kw_only=True)
class BigGANDeepConfig(LargeScaleConfig):
    """The options of BigGAN-deep."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "latent_dim": 6,
        "embedding_dim": 4,
        "width": 2,
        "discriminator_width": 2,
        "attention": "8",
        "discriminator_attention": "8",
    }

    width: int = Field(128, ge=1, le=1024, description="channels of the finest map, of which others are multiples")
    discriminator_width: int = Field(128, ge=1, le=1024, description="the same, in the discriminator")
    latent_dim: int = Field(128, ge=1, le=65_536, description="size of the noise vector, beside the condition")
    embedding_dim: int = Field(128, ge=1, le=4096, description="numbers in the embedding of the condition")
    discriminator_steps: int = Field(
        2, ge=1, le=100, description="updates of the discriminator for each of the generator"
    )
    norm_eps: float = Field(1e-4, gt=0, le=1, description="added to the variances of norms")
    spectral_eps: float = Field(1e-4, gt=0, le=1, description="least norm of vectors in the spectral norms")
    output_maps: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="channels of the last convolution; the first are the picture (as many)",
    )

    @property
    def noise(self) -> int:
        """Z."""
        return self.latent_dim


class BigGANDeep(Model, LargeScaleGAN):
    """Networks: `generator` and `discriminator`; the verbs use the generator's moving average."""

    Config = BigGANDeepConfig
    config: BigGANDeepConfig
    averaged = ("generator",)
    phases = LargeScaleGAN.phases

    def __init__(self, config: BigGANDeepConfig) -> None:
        super().__init__(config)
        self.generator = build_deep_generator(config)
        self.discriminator = build_deep_discriminator(config)
        self.conditions = Conditions(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return build_recipe(5e-5, 2e-4)

    # Verbs

    def truncated(self, psi: float) -> Model:
        """A view whose noise is at most 2 psi, with the statistics of that truncation."""
        if not 0 <= psi <= 1:
            raise UserError(f"truncation={psi:g}, but that of biggan_deep is from 0 (no noise) to 1.")
        return TruncatedWithStatistics(self, truncation=psi)

    def decode_at(self, latents: Tensor, truncation: float) -> Tensor:
        """Images (N, C, H, W) of latents, by the statistics of a truncation."""
        images: Tensor = self.generator(*self.split_latents(latents), truncation)
        return images

    def accumulate_statistics(self, count: int, *, seed: int, thorough: bool) -> None:
        batches = max(1, round(count / STATISTICS_BATCH))
        measured = torch.linspace(0, 1, MEASURED).tolist() if thorough else [1.0]
        norms = [each for each in self.generator.modules() if isinstance(each, StatisticsByTruncation)]
        found: list[list[tuple[Tensor, Tensor]]] = []
        for truncation in measured:

            def forward(number: int, truncation: float = truncation) -> Tensor:
                latents = self.statistics_latents(number, seed)
                if truncation < 1:
                    latents[:, : self.noise_dim] = truncate_noise(latents[:, : self.noise_dim], truncation)
                return self.decode(latents)

            compute_standing_statistics(self.generator, batches, forward)
            found.append([norm.last_row() for norm in norms])
        for norm, *rows in zip(norms, *found, strict=True):
            norm.set_rows(rows)


def truncate_noise(noise: Tensor, truncation: float) -> Tensor:
    """Noise within (-2, 2) times the truncation, of the quantiles of normal noise."""
    return truncation * truncate_normal(noise, BOUND)


class TruncatedWithStatistics(TruncatedNoise):
    """No noise is beyond twice the truncation, and norms have the statistics of it."""

    base: BigGANDeep

    def truncate(self, noise: Tensor) -> Tensor:
        return truncate_noise(noise, self.truncation)

    def decode(self, latents: Tensor) -> Tensor:
        return self.base.decode_at(latents, self.truncation)


def build_deep_generator(config: BigGANDeepConfig) -> DeepGenerator:
    """The untrained generator."""
    return DeepGenerator(
        config,
        noise=config.noise,
        conditions=config.conditions,
        embedding=config.embedding_dim,
        output_maps=config.output_maps or config.channels,
        norm_eps=config.norm_eps,
        spectral_eps=config.spectral_eps,
    )


def build_deep_discriminator(config: BigGANDeepConfig) -> DeepDiscriminator:
    """The untrained discriminator."""
    return DeepDiscriminator(config, conditions=config.conditions, spectral_eps=config.spectral_eps)
