"""BigGAN: class-conditional generation at scale.

Brock, Donahue & Simonyan 2019, arXiv:1809.11096: hinge loss, class-conditional norms of a shared embedding, latents
that reach every block (section 3), the truncation trick and orthogonal regularisation (eq. 3); networks of appendix B
(`layers/biggan.py`); objective and verbs in `models/shared/large_scale.py`. Numbers are those of the authors' PyTorch
code for 128 pixels: one update of the discriminator for one of the generator (paper: two), rates of 1e-4 and 4e-4.
Departures: norms see the batch of one device, and of one micro-batch; the average's half-life is short at first, and
its norms have standing statistics, computed where the model is shown or saved; attributes as conditions. Truncation
takes noise by its quantile, so that the picture of a seed stays alike; its distribution is that of sampling again.
Shape letters: N batch, Z noise, K classes or attributes, C H W image, F features.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.errors import UserError
from imagewright.layers.biggan import BigGANDiscriminator, BigGANGenerator
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


@dataclass(frozen=True, kw_only=True)
class BigGANConfig(LargeScaleConfig):
    """The options of BigGAN."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "latent_dim": 9,
        "embedding_dim": 4,
        "width": 3,
        "discriminator_width": 3,
        "attention": "8",
        "discriminator_attention": "8",
    }

    embedding_dim: int = Field(
        128, ge=0, le=4096, description="numbers in the embedding that all norms share; 0: each norm has its own"
    )
    hierarchical: bool = Field(True, description="whether every block takes a part of the noise; needs an embedding")
    wide: bool = Field(True, description="whether inner channels of the discriminator are those of a block's output")

    @model_validator(mode="after")
    def _noise_can_be_split(self) -> BigGANConfig:
        parts = self.doublings + 1
        if self.hierarchical and not self.embedding_dim:
            raise ValueError("hierarchical needs a shared embedding: give --embedding-dim 128, or --no-hierarchical")
        if self.hierarchical and self.latent_dim < parts:
            raise ValueError(f"latent_dim {self.latent_dim}: a part for each of {parts} layers needs {parts} or more")
        return self

    @property
    def noise(self) -> int:
        """Z: `latent_dim`, rounded down to equal parts if it is split."""
        parts = self.doublings + 1 if self.hierarchical else 1
        return self.latent_dim // parts * parts


class BigGAN(Model, LargeScaleGAN):
    """Networks: `generator` and `discriminator`; the verbs use the generator's moving average."""

    Config = BigGANConfig
    config: BigGANConfig
    averaged = ("generator",)
    phases = LargeScaleGAN.phases

    def __init__(self, config: BigGANConfig) -> None:
        super().__init__(config)
        self.generator = build_generator(config)
        self.discriminator = build_discriminator(config)
        self.conditions = Conditions(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return build_recipe(1e-4, 4e-4)

    # Verbs

    def truncated(self, psi: float) -> Model:
        """A view whose noise is sampled again until no number is beyond psi (section 3.1); 0: no noise at all."""
        if psi < 0:
            raise UserError(f"truncation={psi:g}, but the largest noise of biggan is 0 or more: 0.5 is strong, 2 weak.")
        return TruncatedByResampling(self, truncation=psi)

    def accumulate_statistics(self, count: int, *, seed: int, thorough: bool) -> None:
        batches = max(1, round(count / STATISTICS_BATCH))
        compute_standing_statistics(self.generator, batches, lambda k: self.decode(self.statistics_latents(k, seed)))


class TruncatedByResampling(TruncatedNoise):
    """No noise is beyond psi."""

    base: BigGAN

    def truncate(self, noise: Tensor) -> Tensor:
        return truncate_normal(noise, self.truncation)

    def decode(self, latents: Tensor) -> Tensor:
        return self.base.decode(latents)


def build_generator(config: BigGANConfig) -> BigGANGenerator:
    """The untrained generator."""
    return BigGANGenerator(
        config,
        noise=config.noise,
        conditions=config.conditions,
        shared=config.embedding_dim,
        hierarchical=config.hierarchical,
        norm_eps=config.norm_eps,
        spectral_eps=config.spectral_eps,
    )


def build_discriminator(config: BigGANConfig) -> BigGANDiscriminator:
    """The untrained discriminator."""
    return BigGANDiscriminator(config, conditions=config.conditions, wide=config.wide, spectral_eps=config.spectral_eps)
